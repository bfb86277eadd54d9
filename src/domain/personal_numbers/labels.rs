//! The words beside a number that name what it is: a telephone, a card, a code of ours, an amount.

use crate::domain::personal_numbers::characters::{digit, folded};
use crate::domain::personal_numbers::runs::DigitText;

/// What the nearest word before a number names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    Phone,
    /// A person, whose number may follow.
    Contact,
    /// A room or an office-holder, whose number may follow at once.
    Desk,
    Identity,
    /// An account or a card of a bank.
    Account,
    Passport,
    /// An account of a messenger.
    Messenger,
    Code,
    /// An amount, an area, a place on the map.
    Figure,
    Postcode,
}

/// Names of messengers and what clerks write for them.
pub const MESSENGERS: [&str; 28] = [
    "微信",
    "微信号",
    "薇信",
    "威信",
    "徽信",
    "v信",
    "wechat",
    "weixin",
    "wx",
    "vx",
    "qq",
    "qq号",
    "q号",
    "扣扣",
    "扣扣号",
    "扣号",
    "叩叩",
    "球球号",
    "企鹅",
    "企鹅号",
    "钉钉",
    "飞信",
    "抖音号",
    "快手号",
    "小红书号",
    "telegram",
    "whatsapp",
    "skype",
];

/// Words in small letters of plain width. A word of Latin letters counts where no letter is before it.
const LABELS: [(Label, &[&str]); 10] = [
    (
        Label::Phone,
        &[
            "电话",
            "手机",
            "座机",
            "传真",
            "固话",
            "热线",
            "分机",
            "短号",
            "话机",
            "致电",
            "来电",
            "拨打",
            "联系方式",
            "电联",
            "短信",
            "机号",
            "電話",
            "手機",
            "傳真",
            "座機",
            "tel",
            "phone",
            "telephone",
            "cellphone",
            "mobile",
            "mob",
            "cell",
            "fax",
            "call",
            "☎",
            "☏",
            "✆",
            "📞",
            "📱",
            "📠",
            "℡",
        ],
    ),
    (Label::Contact, &["联系", "联络", "聯繫", "聯絡", "对接人", "经办", "负责人", "责任人", "法人", "咨询", "本人", "contact"]),
    (
        Label::Desk,
        &[
            "办公室",
            "办公",
            "值班",
            "值班室",
            "总机",
            "内线",
            "外线",
            "小灵通",
            "宅电",
            "传达室",
            "主任",
            "局长",
            "科长",
            "处长",
            "书记",
            "秘书",
            "经理",
            "先生",
            "女士",
            "同志",
        ],
    ),
    (
        Label::Identity,
        &[
            "身份证",
            "身份证号",
            "身份证件",
            "身份证编号",
            "身分证",
            "身份證",
            "公民身份",
            "公民身份号",
            "证件号",
            "证件编号",
            "证件",
            "idcard",
            "id card",
            "id no",
        ],
    ),
    (Label::Account, &["卡号", "账号", "帐号", "账户", "帐户", "银行卡", "储蓄卡", "信用卡", "借记卡", "工资卡", "社保卡", "开户行"]),
    (Label::Passport, &["护照", "护照号", "護照", "通行证", "通行证号", "台胞证", "回乡证", "军官证", "居留证", "港澳居民证", "passport"]),
    (Label::Messenger, &MESSENGERS),
    (
        Label::Code,
        &[
            "编号",
            "代码",
            "编码",
            "文号",
            "合同",
            "批复",
            "备案",
            "证号",
            "许可证",
            "项目号",
            "宗地",
            "地块",
            "单号",
            "票号",
            "表号",
            "校验码",
            "案号",
            "序号",
            "批次",
            "流水号",
            "型号",
            "字第",
            "工作单",
            "编码为",
            "no.",
            "no",
            "№",
            "code",
            "id",
        ],
    ),
    (
        Label::Figure,
        &[
            "投资",
            "投资额",
            "金额",
            "资金",
            "产值",
            "收入",
            "税收",
            "价款",
            "总价",
            "造价",
            "面积",
            "规模",
            "产能",
            "利润",
            "营收",
            "贷款",
            "授信",
            "概算",
            "预算",
            "估算",
            "补助",
            "总额",
            "人民币",
            "注册资本",
            "资本",
            "占地",
            "产量",
            "销量",
            "数量",
            "容量",
            "用电",
            "用水",
            "库容",
            "¥",
            "￥",
            "$",
            "rmb",
            "usd",
            "经度",
            "纬度",
            "坐标",
            "东经",
            "北纬",
        ],
    ),
    (Label::Postcode, &["邮编", "邮政编码", "邮码", "postcode", "zip"]),
];

/// The characters in which a label is searched.
const WINDOW: usize = 24;
/// A run of more digits ends the search: what is before it belongs to another number.
const DIGITS_BETWEEN_MAX: usize = 3;

/// The nearest label before a number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context {
    pub label: Option<Label>,
    /// Whether nothing but signs and words such as 号码为 is between label and number.
    pub is_adjacent: bool,
}

impl Context {
    /// Whether a label of this kind belongs to the number and to nothing between.
    pub fn is(self, label: Label) -> bool {
        self.is_adjacent && self.label == Some(label)
    }
}

/// The label before a position.
pub fn context(text: &DigitText, at: usize) -> Context {
    let mut first = at;
    let mut digits = 0;
    while first > 0 && at - first < WINDOW {
        let c = text.folded[first - 1];
        digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
        if digits > DIGITS_BETWEEN_MAX || matches!(c, '。' | ';' | '!' | '?' | '\n' | '\r') {
            break;
        }
        first -= 1;
    }
    let before = &text.folded[first..at];
    let mut is_adjacent = true;
    for end in (1..=before.len()).rev() {
        if let Some((length, label)) = label_at_end(&before[..end], first > 0) {
            let owner = || owner_of_code(&before[..end - length], first > 0);
            let label = if label == Label::Code { owner().unwrap_or(label) } else { label };
            // a code, a figure, a postcode or the number of a desk is what follows its word at once
            if is_adjacent || !matches!(label, Label::Code | Label::Figure | Label::Postcode | Label::Desk) {
                return Context { label: Some(label), is_adjacent };
            }
        }
        is_adjacent &= is_connector(before[end - 1]);
    }
    Context::default()
}

/// Whether a word for an amount, an area or the like is in the characters before a position, whatever lies between.
pub fn has_figure_word(text: &DigitText, at: usize) -> bool {
    let first = at.saturating_sub(WINDOW);
    let before = &text.folded[first..at];
    (1..=before.len()).any(|end| label_at_end(&before[..end], first > 0).is_some_and(|(_, label)| label == Label::Figure))
}

/// What 编号 and the like belong to, where the word right before them names a number of a person: `手机编号`.
fn owner_of_code(before: &[char], is_cut: bool) -> Option<Label> {
    let end = before.len() - before.iter().rev().take_while(|c| is_connector(**c)).count();
    let (_, label) = label_at_end(&before[..end], is_cut)?;
    let is_personal = matches!(label, Label::Phone | Label::Identity | Label::Account | Label::Passport | Label::Messenger);
    is_personal.then_some(label)
}

/// The longest label at the end of a text.
fn label_at_end(before: &[char], is_cut: bool) -> Option<(usize, Label)> {
    let last = *before.last()?;
    if last.is_ascii_digit() || last.is_whitespace() || last.is_ascii_punctuation() && !matches!(last, '.' | '$') {
        return None;
    }
    let mut found: Option<(usize, Label)> = None;
    for (label, words) in LABELS {
        for word in words.iter().filter(|word| word.ends_with(last)) {
            let length = word.chars().count();
            let ends = length <= before.len() && before[before.len() - length..].iter().copied().eq(word.chars());
            if ends && found.is_none_or(|(longest, _)| length > longest) && is_word(before, length, is_cut) {
                found = Some((length, label));
            }
        }
    }
    found
}

/// Whether the last characters are a word of their own: no Latin letter is before Latin letters.
fn is_word(before: &[char], length: usize, is_cut: bool) -> bool {
    let begin = before.len() - length;
    !before[begin].is_ascii_alphabetic() || if begin == 0 { !is_cut } else { !before[begin - 1].is_ascii_alphabetic() }
}

/// Whether a character between a label and its number does not belong to something else.
pub fn is_connector(c: char) -> bool {
    !c.is_alphanumeric() || matches!(c, '号' | '码' | '是' | '为' | '约' | '共' | '达' | '计' | '于' | '同' | '號' | '碼')
}

/// What is in brackets behind the telephone number of a desk or a home: 86821234（办）.
const BEHIND_PHONES: [&str; 12] = ["办", "办公", "办公室", "宅", "家", "家里", "座机", "固话", "电话", "手机", "传真", "座"];

/// Whether a word in brackets behind a number names it as a telephone.
pub fn is_named_phone(text: &DigitText, end: usize) -> bool {
    let Some(rest) = text.folded.get(end..).and_then(|rest| rest.strip_prefix(&['('])) else { return false };
    let word: String = rest.iter().take(4).take_while(|c| **c != ')').collect();
    rest.get(word.chars().count()) == Some(&')') && BEHIND_PHONES.contains(&word.as_str())
}

/// Units behind a figure; the longer word of two that begin alike needs no entry.
const UNITS: [&str; 41] = [
    "元",
    "万元",
    "亿元",
    "万美元",
    "亿美元",
    "美元",
    "港元",
    "欧元",
    "日元",
    "英镑",
    "亩",
    "平方",
    "平米",
    "公顷",
    "吨",
    "公斤",
    "千克",
    "千瓦",
    "兆瓦",
    "立方",
    "毫米",
    "厘米",
    "米",
    "公里",
    "万吨",
    "万亩",
    "万千瓦",
    "万立方",
    "万平",
    "kw",
    "mw",
    "kg",
    "km",
    "mm",
    "m2",
    "m3",
    "㎡",
    "㎥",
    "%",
    "‰",
    "部",
];

/// Units of short figures, which no long number of a person has behind it.
const COUNTS: [&str; 33] = [
    "人", "户", "个", "家", "台", "套", "件", "株", "头", "羽", "只", "次", "门", "条", "辆", "万", "亿", "度", "年", "月", "日", "期",
    "栋", "页", "份", "类", "项", "倍", "盒", "箱", "瓶", "袋", "斤",
];

/// Whether a unit follows a number, with decimals before it or without.
pub fn is_figure(text: &DigitText, end: usize, short: bool) -> bool {
    let mut at = end;
    if text.folded.get(at).is_some_and(|c| matches!(c, '.' | ',')) && text.folded.get(at + 1).is_some_and(char::is_ascii_digit) {
        at += 1;
        while at < end + 8 && text.folded.get(at).is_some_and(char::is_ascii_digit) {
            at += 1;
        }
    }
    at += text.folded[at.min(text.folded.len())..].iter().take(2).take_while(|c| c.is_whitespace()).count();
    let begins = |word: &&'static str| word.chars().enumerate().all(|(index, c)| text.folded.get(at + index) == Some(&folded_unit(c)));
    UNITS.iter().any(begins) || short && COUNTS.iter().any(begins)
}

/// A character of a unit as the folded text has it: a raised digit is a digit there.
fn folded_unit(c: char) -> char {
    if digit(c).is_some() { folded(c) } else { c }
}
