"""The same work as offices script it today: pandas + openpyxl + sqlite3. Usage: pandas.py REGISTER.xlsx OUT_DIR"""

import sys

# the script's own folder holds a file of the library's name
sys.path.pop(0)

import sqlite3
from datetime import date, datetime
from pathlib import Path

import pandas as pd
from openpyxl.styles import Font

AS_OF = date(2026, 9, 30)
DATES = ["洽谈时间", "评审时间", "拟签约时间", "签约时间", "录入平台时间", "履约时间", "计划开工时间", "实际开工时间", "计划投产时间", "实际投产时间", "上规入统时间", "终止时间", "预计解决时间", "最近更新时间"]
RULES = [
    ("洽谈未签约", "洽谈时间", 180, "签约时间"),
    ("洽谈未评审", "洽谈时间", 90, "评审时间"),
    ("签约未录入", "签约时间", 30, "录入平台时间"),
    ("签约未履约", "签约时间", 90, "履约时间"),
    ("未按计划开工", "计划开工时间", 0, "实际开工时间"),
    ("未按计划投产", "计划投产时间", 0, "实际投产时间"),
    ("开工两年未投产", "实际开工时间", 730, "实际投产时间"),
    ("投产未上规", "实际投产时间", 365, "上规入统时间"),
]


def day_of(value):
    if value is None or value != value:
        return None
    if isinstance(value, datetime):
        return value.date()
    text = str(value).strip()
    for form in ("%Y年%m月%d日", "%Y/%m/%d", "%Y%m%d", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            pass
    return None


source, out = sys.argv[1], Path(sys.argv[2])
frame = pd.read_excel(source, header=1, engine="openpyxl", dtype={"项目编号": str, "联系电话": str})
for name in DATES:
    frame[name] = frame[name].map(day_of)
    frame[name] = pd.to_datetime(frame[name])
live = frame["终止时间"].isna()
as_of = pd.Timestamp(AS_OF)
titles = []
for title, since, days, until in RULES:
    due = frame[since] + pd.Timedelta(days=days)
    hit = live & frame[until].isna() & (due < as_of)
    frame[title] = (as_of - due).dt.days.where(hit)
    titles.append(title)
found = frame[frame[titles].notna().any(axis=1)].copy()
found.insert(0, "超期天数", found[titles].max(axis=1))
found.insert(0, "督办规则", ["、".join(title for title, value in zip(titles, values) if value == value) for values in found[titles].itertuples(index=False)])
found = found.drop(columns=titles)
with pd.ExcelWriter(out / "found.xlsx", engine="openpyxl", datetime_format="yyyy-mm-dd") as writer:
    found.to_excel(writer, sheet_name="督办项目", index=False, freeze_panes=(1, 0))
    page = writer.sheets["督办项目"]
    for cell in page[1]:
        cell.font = Font(bold=True)
    page.auto_filter.ref = page.dimensions
store = sqlite3.connect(out / "register.db")
store.execute("PRAGMA journal_mode=WAL")
frame.drop(columns=titles).to_sql("register", store, index=False)
store.commit()
print(f"found {len(found)}")
