//! What names a person with letters: mail addresses, accounts of messengers, passports.

use crate::domain::personal_numbers::characters::{Signs, latin};
use crate::domain::personal_numbers::labels::{Label, MESSENGERS, context, is_connector};
use crate::domain::personal_numbers::runs::{DigitText, is_year};

/// A part of a text with what is shown instead.
pub struct Masked {
    pub begin: usize,
    pub end: usize,
    pub shown: String,
}

/// The longest name and the longest domain that are followed.
const NAME_MAX: usize = 64;
const DOMAIN_MAX: usize = 100;
/// What is between a messenger's name and an account at most.
const GAP_MAX: usize = 24;
/// The shortest account of a messenger.
const ACCOUNT_MIN: usize = 5;

/// Spellings of the sign of an address, with whether only the domains of mail providers count behind it.
const AT_SIGNS: [(&str, bool); 9] = [
    ("@", false),
    ("(at)", false),
    ("[at]", false),
    ("【at】", false),
    ("{at}", false),
    (" at ", true),
    ("#", true),
    ("艾特", true),
    ("*at*", false),
];

/// Providers of private mailboxes, by the first part of their domain.
const PROVIDERS: [&str; 17] = [
    "qq", "163", "126", "139", "189", "gmail", "sina", "sohu", "foxmail", "hotmail", "outlook", "yahoo", "aliyun", "21cn", "tom", "icloud",
    "live",
];

/// The mailboxes of public bodies are no private ones.
const PUBLIC_DOMAIN: &str = "gov.cn";

/// Private mail addresses: the domain is shown, and the first letter.
pub fn addresses(text: &DigitText) -> Vec<Masked> {
    let mut out: Vec<Masked> = Vec::new();
    for at in 0..text.folded.len() {
        if !matches!(text.folded[at], '@' | '(' | '[' | '{' | '【' | ' ' | '#' | '艾' | '*') {
            continue;
        }
        let Some((sign, only_providers)) = AT_SIGNS.into_iter().find(|(sign, _)| begins_with(&text.folded[at..], sign)) else { continue };
        if let Some(found) = address(text, at, sign.chars().count(), only_providers) {
            out.push(found);
        }
    }
    out
}

fn address(text: &DigitText, at: usize, sign: usize, only_providers: bool) -> Option<Masked> {
    let blanks = |chars: &mut dyn Iterator<Item = &char>| chars.take(2).take_while(|c| c.is_whitespace()).count();
    let name_end = at - blanks(&mut text.folded[..at].iter().rev());
    let is_name = |c: &char| latin(*c).is_some() || matches!(*c, '.' | '_' | '-' | '%' | '．' | '＿' | '－');
    let length = text.original[..name_end].iter().rev().take(NAME_MAX).take_while(|c| is_name(c)).count();
    let begin = name_end - length;
    let first = *text.original[begin..name_end].iter().find(|c| latin(**c).is_some())?;
    let domain_begin = at + sign + blanks(&mut text.folded[at + sign..].iter());
    let (domain, length) = domain(&text.original[domain_begin..]);
    let last = domain.rsplit('.').next().unwrap_or_default();
    let is_domain = if only_providers {
        domain.split_once('.').is_some_and(|(first, _)| PROVIDERS.contains(&first))
    } else {
        domain.starts_with(|c: char| c.is_ascii_lowercase()) && domain.len() >= 2
            || domain.contains('.') && last.len() >= 2 && last.chars().all(|c| c.is_ascii_lowercase())
    };
    let is_public = domain == PUBLIC_DOMAIN || domain.strip_suffix(PUBLIC_DOMAIN).is_some_and(|before| before.ends_with('.'));
    let end = domain_begin + length;
    let shown = || format!("{first}***@{}", text.original[domain_begin..end].iter().collect::<String>());
    (is_domain && !is_public).then(|| Masked { begin, end, shown: shown() })
}

/// The domain at the start of a text in its plain form, and the characters it takes.
fn domain(chars: &[char]) -> (String, usize) {
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len().min(DOMAIN_MAX) {
        let c = chars[at];
        let dot = [" dot ", "(dot)", "[dot]", "点"].into_iter().find(|dot| begins_with(&chars[at..], dot));
        let (plain, length) = match (latin(c), dot) {
            (Some(plain), _) => (plain, 1),
            (None, Some(dot)) => ('.', dot.chars().count()),
            (None, None) if matches!(c, '-' | '－') => ('-', 1),
            (None, None) if matches!(c, '.' | '．' | '。' | '·') => ('.', 1),
            // a comma for the dot before a well-known ending
            (None, None) if matches!(c, ',' | '，' | '﹐' | '、') && is_ending(&chars[at + 1..]) => ('.', 1),
            _ => break,
        };
        let goes_on = plain != '.' && plain != '-' || chars.get(at + length).is_some_and(|next| latin(*next).is_some());
        if !goes_on {
            break;
        }
        out.push(plain);
        at += length;
    }
    (out, at)
}

/// Whether a text begins with the ending of a domain and no more letters.
fn is_ending(chars: &[char]) -> bool {
    let word: String = chars.iter().map_while(|c| latin(*c)).take(5).collect();
    ["com", "cn", "net", "org"].contains(&word.as_str())
}

/// Accounts of messengers with letters in them; those of digits are numbers.
pub fn messenger_accounts(text: &DigitText) -> Vec<Masked> {
    let mut out: Vec<Masked> = Vec::new();
    let mut at = 0;
    while at < text.folded.len() {
        let length = messenger(text, at);
        if length == 0 {
            at += 1;
            continue;
        }
        at += length;
        let begin = account_begin(text, at);
        let is_part = |c: &char| latin(*c).is_some() || matches!(*c, '_' | '-' | '.' | '＿' | '－' | '．');
        let token: Vec<char> = text.original[begin..].iter().take(NAME_MAX).take_while(|c| is_part(c)).copied().collect();
        let signs = token.iter().rev().take_while(|c| latin(**c).is_none()).count();
        let token = &token[..token.len() - signs];
        let end = begin + token.len();
        let has_letter = token.iter().any(|c| latin(*c).is_some_and(|c| c.is_ascii_lowercase()));
        let is_link = begins_with(&text.folded[begin..], "http") || begins_with(&text.folded[begin..], "www.");
        if token.len() >= ACCOUNT_MIN && has_letter && !is_link {
            out.push(Masked { begin, end, shown: format!("{}****", token[..2].iter().collect::<String>()) });
            at = end;
        }
    }
    out
}

/// The length of a messenger's name at a position; 0 = there is none.
fn messenger(text: &DigitText, at: usize) -> usize {
    let is_letter = |at: Option<usize>| at.and_then(|at| text.folded.get(at)).is_some_and(char::is_ascii_alphabetic);
    let first = text.folded[at];
    let begins = |name: &&str| name.starts_with(first) && begins_with(&text.folded[at..], name);
    let longest = MESSENGERS.into_iter().filter(begins).max_by_key(|name| name.len());
    let Some(name) = longest else { return single_letter(text, at) };
    let length = name.chars().count();
    let is_latin = name.chars().next_back().is_some_and(|c| c.is_ascii_alphabetic());
    let is_word = !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !is_letter(at.checked_sub(1));
    // `qq.com` is a domain
    let is_domain = text.folded.get(at + length) == Some(&'.') && is_letter(Some(at + length + 1));
    if is_word && !(is_latin && (is_letter(Some(at + length)) || is_domain)) { length } else { 0 }
}

/// The length of `V：` or `Q：`, which clerks write for the two large messengers.
fn single_letter(text: &DigitText, at: usize) -> usize {
    let is_alone = at == 0 || !text.folded[at - 1].is_ascii_alphanumeric();
    let is_one = is_alone && matches!(text.folded[at], 'v' | 'q') && text.folded.get(at + 1) == Some(&':');
    if is_one { 2 } else { 0 }
}

/// The position of the account behind a messenger's name: signs, words such as 号码为, and names of others are between.
fn account_begin(text: &DigitText, from: usize) -> usize {
    let mut at = from;
    while at < text.folded.len().min(from + GAP_MAX) {
        let other = ["手机", "电话", "邮箱", "id", "加"].into_iter().find(|word| {
            let end = at + word.chars().count();
            let goes_on = word.is_ascii() && text.folded.get(end).is_some_and(char::is_ascii_alphanumeric);
            begins_with(&text.folded[at..], word) && !goes_on
        });
        match (messenger(text, at), other) {
            (0, Some(word)) => at += word.chars().count(),
            (0, None) if is_connector(text.folded[at]) && !matches!(text.folded[at], '。' | ';' | '\n') => at += 1,
            (0, None) => break,
            (length, _) => at += length,
        }
    }
    at
}

/// Numbers of passports and the like: one or two letters and seven or eight digits.
pub fn passports(text: &DigitText) -> Vec<Masked> {
    let mut out: Vec<Masked> = Vec::new();
    for run in 0..text.runs.len() {
        let digits_begin = text.runs[run].begin;
        let gap = usize::from(digits_begin > 0 && matches!(text.folded[digits_begin - 1], ' ' | '-' | '.' | ':'));
        let letters_end = digits_begin - gap;
        let letters: Vec<char> = text.original[..letters_end].iter().rev().take(3).map_while(|c| latin(*c)).collect();
        let count = letters.len();
        if count == 0 || count > 2 || letters.iter().any(char::is_ascii_digit) {
            continue;
        }
        let begin = letters_end - count;
        let chain = text.chain(run, false);
        let context = context(text, begin);
        let labelled = context.is(Label::Passport) || context.is(Label::Identity);
        let first = letters[count - 1];
        let whole = (6..=10).rev().filter_map(|digits| chain.beginning(digits)).find(|part| {
            let digits = part.digits.len();
            let year = part.digits.iter().take(4).fold(0, |sum, digit| sum * 10 + digit.to_digit(10).unwrap_or(0));
            let is_ordinary =
                (count == 1 && matches!(first, 'e' | 'g') && digits == 8 || count == 2 && first == 'e' && digits == 7) && gap == 0;
            let is_other = context.label == Some(Label::Contact)
                && count == 1
                && matches!(digits, 7 | 8)
                && matches!(first, 'c' | 'd' | 'e' | 'g' | 'h' | 'k' | 'm' | 'p' | 's' | 't' | 'w');
            let is_one = labelled || (is_ordinary || is_other) && !(is_year(year) && digits == part.blocks[0]);
            let ends = !text.folded.get(part.end).is_some_and(char::is_ascii_alphanumeric);
            is_one && ends && !part.has_ours && !part.has(Signs::COMMA)
        });
        if let Some(part) = whole {
            let last: String = part.digits[part.digits.len() - 2..].iter().collect();
            let shown = format!("{}****{last}", text.original[begin..letters_end].iter().collect::<String>());
            out.push(Masked { begin, end: part.end, shown });
        }
    }
    out
}

fn begins_with(chars: &[char], word: &str) -> bool {
    word.chars().enumerate().all(|(at, c)| chars.get(at) == Some(&c))
}
