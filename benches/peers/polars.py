"""The same work with fastexcel + polars + XlsxWriter (constant memory) + sqlite3. Usage: polars.py REGISTER.xlsx OUT_DIR"""

import sys

# the script's own folder holds a file of the library's name
sys.path.pop(0)

import sqlite3
from datetime import date
from pathlib import Path

import fastexcel
import polars as pl
import xlsxwriter

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
NUMBERS = ["合同投资额（亿元）", "累计到位资金（亿元）", "计划进度", "形象进度"]

source, out = sys.argv[1], Path(sys.argv[2])
sheet = fastexcel.read_excel(source).load_sheet(0, header_row=1, dtypes="string")
frame = sheet.to_polars()
parsed = []
for name in DATES:
    text = pl.col(name).str.strip_chars()
    parsed.append(
        pl.coalesce(
            text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False),
            text.str.to_date("%Y年%m月%d日", strict=False),
            text.str.to_date("%Y/%m/%d", strict=False),
            text.str.to_date("%Y%m%d", strict=False),
        ).alias(name)
    )
frame = frame.with_columns(parsed + [pl.col(name).cast(pl.Float64, strict=False) for name in NUMBERS])
live = pl.col("终止时间").is_null()
late = []
for title, since, days, until in RULES:
    due = pl.col(since).dt.offset_by(f"{days}d")
    hit = live & pl.col(until).is_null() & (due < AS_OF)
    late.append(pl.when(hit).then((pl.lit(AS_OF) - due).dt.total_days()).alias(title))
frame = frame.with_columns(late)
titles = [title for title, *_ in RULES]
found = frame.filter(pl.any_horizontal(pl.col(title).is_not_null() for title in titles)).with_columns(
    pl.max_horizontal(titles).alias("超期天数"),
    pl.concat_str([pl.when(pl.col(title).is_not_null()).then(pl.lit(title)) for title in titles], separator="、", ignore_nulls=True).alias("督办规则"),
)

columns = ["督办规则", "超期天数"] + [name for name in frame.columns if name not in titles]
book = xlsxwriter.Workbook(out / "found.xlsx", {"constant_memory": True})
page = book.add_worksheet("督办项目")
head = book.add_format({"bold": True, "bg_color": "#D9E2EC", "border": 1})
day = book.add_format({"num_format": "yyyy-mm-dd"})
money = book.add_format({"num_format": "#,##0.00"})
page.freeze_panes(1, 0)
for column, name in enumerate(columns):
    page.write_string(0, column, name, head)
dated = set(DATES)
kinds = [2 if name in dated else 3 if name in NUMBERS[:2] else 1 if name == "超期天数" or name in NUMBERS[2:] else 0 for name in columns]
for number, values in enumerate(found.select(columns).iter_rows(), 1):
    for column, value in enumerate(values):
        if value is None:
            continue
        kind = kinds[column]
        if kind == 0:
            page.write_string(number, column, value)
        elif kind == 2:
            page.write_datetime(number, column, value, day)
        elif kind == 3:
            page.write_number(number, column, value, money)
        else:
            page.write_number(number, column, value)
page.autofilter(0, 0, found.height, len(columns) - 1)
book.close()

store = sqlite3.connect(out / "register.db")
store.execute("PRAGMA journal_mode=WAL")
store.execute("PRAGMA synchronous=NORMAL")
names = [name for name in frame.columns if name not in titles]
store.execute("CREATE TABLE register ({})".format(", ".join(f'"{name}"' for name in names)))
rows = frame.select([pl.col(name).cast(pl.String) if name in dated else pl.col(name) for name in names]).iter_rows()
with store:
    store.executemany("INSERT INTO register VALUES ({})".format(",".join("?" * len(names))), rows)
store.close()
print(f"found {found.height}")
