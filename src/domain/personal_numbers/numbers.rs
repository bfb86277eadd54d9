//! Which chains of digits are the number of a person: telephones, identity cards, bank cards. Codes, amounts and days of ours are not.

use crate::domain::personal_numbers::characters::{Signs, bracket};
use crate::domain::personal_numbers::labels::{Context, Label, context, has_figure_word, is_figure, is_named_phone};
use crate::domain::personal_numbers::runs::{Beginning, Chain, DIGITS_MAX, DigitText, is_day, is_year};
use std::ops::RangeInclusive;

/// A number of a person in a text.
pub struct Found {
    pub begin: usize,
    pub end: usize,
    /// Its digits without the country code; the last one may be an `x`.
    pub digits: Vec<char>,
    /// Whether it is a telephone, so that the next number of an enumeration may be one too.
    pub is_phone: bool,
}

/// How the digits of a mobile number are grouped where the signs between them differ.
const MOBILE_BLOCKS: [&[usize]; 14] = [
    &[11],
    &[3, 8],
    &[7, 4],
    &[3, 4, 4],
    &[3, 3, 5],
    &[3, 5, 3],
    &[4, 3, 4],
    &[4, 4, 3],
    &[5, 6],
    &[6, 5],
    &[3, 2, 2, 4],
    &[3, 4, 2, 2],
    &[3, 2, 3, 3],
    &[3, 2, 2, 2, 2],
];
/// The same for numbers of a company (400, 800).
const COMPANY_BLOCKS: [&[usize]; 7] = [&[10], &[3, 7], &[3, 3, 4], &[3, 4, 3], &[4, 3, 3], &[4, 6], &[4, 2, 2, 2]];
/// The same for a telephone number without area code.
const LOCAL_BLOCKS: [&[usize]; 9] = [&[7], &[8], &[3, 4], &[4, 4], &[4, 3], &[3, 5], &[3, 2, 2], &[4, 2, 2], &[2, 2, 2, 2]];
/// The same for a card of a bank.
const CARD_BLOCKS: [&[usize]; 7] = [&[4, 4, 4, 4], &[4, 4, 4, 4, 1], &[4, 4, 4, 4, 2], &[4, 4, 4, 4, 3], &[6, 13], &[6, 10], &[5, 5, 5, 4]];

/// The words behind which a number of any shape is one of a person.
const DOCUMENTS: [Label; 4] = [Label::Identity, Label::Account, Label::Passport, Label::Messenger];

/// A run of that many digits that is nothing else is taken for a number of a person.
const UNKNOWN_MIN: usize = 11;
/// Born later, nobody is responsible for a project; a code may hold a later day.
const BORN_MAX: u32 = 2015;

/// The number that begins with a run. `listed`: a telephone is right before it in an enumeration. `is_phone_cell`: the text is the cell of a
/// telephone.
pub fn find(text: &DigitText, run: usize, listed: bool, is_phone_cell: bool) -> Option<Found> {
    let mut before: Option<Before> = None;
    let readings = if text.has_lone_one_behind(run) { &[false, true][..] } else { &[false] };
    readings.iter().find_map(|dashes| {
        let chain = text.chain(run, *dashes);
        if chain.digits.len() < 5 {
            return None;
        }
        let before = before.get_or_insert_with(|| Before::new(text, run, listed, is_phone_cell));
        let Match { end, count, skipped, x, is_phone } = before.longest(text, &chain)?;
        let mut digits = chain.digits[skipped..count].to_vec();
        digits.extend(x.map(|_| 'x'));
        let mut end = x.unwrap_or(end);
        // marks that draw a key around a digit
        while matches!(text.original.get(end), Some('\u{fe0f}' | '\u{20e3}')) {
            end += 1;
        }
        Some(Found { begin: with_opening_bracket(text, text.runs[run].begin, end), end, digits, is_phone })
    })
}

/// The beginning of a chain that is a number.
struct Match {
    end: usize,
    /// Its digits, of which the first are not shown.
    count: usize,
    skipped: usize,
    /// The position behind an X at the end.
    x: Option<usize>,
    is_phone: bool,
}

impl Match {
    fn phone(part: &Beginning<'_>, skipped: usize) -> Match {
        Match { end: part.end, count: part.digits.len(), skipped, x: None, is_phone: true }
    }

    fn document(part: &Beginning<'_>, x: Option<usize>) -> Match {
        Match { end: part.end, count: part.digits.len(), skipped: 0, x, is_phone: false }
    }
}

/// What is before a number.
struct Before {
    context: Context,
    /// A letter right before it.
    letter: bool,
    plus: bool,
    run: usize,
    is_phone_cell: bool,
}

impl Before {
    fn new(text: &DigitText, run: usize, listed: bool, is_phone_cell: bool) -> Before {
        let begin = text.runs[run].begin;
        let mut found = context(text, begin);
        if is_phone_cell || listed && found.label.is_none_or(|label| matches!(label, Label::Phone | Label::Contact)) {
            found = Context { label: Some(Label::Phone), is_adjacent: is_phone_cell };
        }
        let last = begin.checked_sub(1).map(|at| text.folded[at]);
        let letter = last.is_some_and(|c| c.is_ascii_alphabetic()) && !found.is(Label::Phone);
        let plus = text.folded[begin.saturating_sub(3)..begin].iter().rev().find(|c| !c.is_whitespace()) == Some(&'+');
        Before { context: found, letter, plus, run, is_phone_cell }
    }

    /// The kinds in the order in which they are asked, each for the lengths that it can have, the longest first.
    fn longest(&self, text: &DigitText, chain: &Chain) -> Option<Match> {
        let (first, second) = (chain.digits[0], chain.digits[1]);
        let labelled = |labels: &[Label]| labels.iter().any(|label| self.context.label == Some(*label));
        let document = self.context.is_adjacent && labelled(&DOCUMENTS);
        let phone = labelled(&[Label::Phone]);
        let each = |is_possible: bool, lengths: RangeInclusive<usize>, of: &dyn Fn(&Beginning<'_>) -> Option<Match>| {
            let beginnings = lengths.rev().filter(|_| is_possible).filter_map(|digits| chain.beginning(digits));
            // whether signs join its digits is asked last: it takes a look at all that is around
            let is_one = |part: &Beginning<'_>| !part.has(Signs::JOIN) || self.is_one_over_joins(text, part);
            beginnings.into_iter().find_map(|part| of(&part).filter(|_| is_one(&part)))
        };
        let mobile = match first {
            '1' => 11..=11,
            '0' => 12..=16,
            _ => 13..=15,
        };
        each(document, 6..=DIGITS_MAX, &|part| self.labelled_document(text, part))
            .or_else(|| each(is_region(&chain.digits), 15..=18, &|part| self.identity(text, part)))
            .or_else(|| each(matches!(first, '3'..='6' | '9'), 16..=19, &|part| self.card(text, part)))
            .or_else(|| {
                each(matches!((first, second), ('1', '3'..) | ('0', '0' | '1') | ('8', '6')), mobile, &|part| self.mobile(text, part))
            })
            .or_else(|| each(first == '0' || (first, second) == ('8', '6'), 9..=16, &|part| self.landline(text, part)))
            .or_else(|| each(matches!((first, second), ('4' | '8', '0')), 10..=10, &|part| self.company(text, part)))
            .or_else(|| each(self.plus || (first, second) == ('8', '5'), 10..=15, &|part| self.foreign(text, part)))
            .or_else(|| each(true, 7..=8, &|part| self.local(text, part)))
            .or_else(|| each(phone, 5..=20, &|part| self.labelled_phone(text, part)))
            .or_else(|| self.unknown(text, &chain.beginning(text.runs[self.run].len())?))
    }

    /// Whether digits between signs that join several figures are one number all the same: grouped as its kind is, and no list of figures.
    fn is_one_over_joins(&self, text: &DigitText, part: &Beginning<'_>) -> bool {
        let country = self.country_code(part);
        let (digits, blocks) = (&part.digits[country..], part.blocks_without(country));
        let is_grouped = match blocks[..] {
            [3, 4, 4] if digits[0] == '1' => digits[1] >= '3',
            [3 | 4, 7 | 8] | [3 | 4, 3 | 4, 4] => digits[0] == '0' || country > 0,
            [6, 8, 4] => has_identity_check(digits, false),
            _ => false,
        };
        let mut end = 0;
        let is_round = blocks.iter().any(|block| {
            end += block;
            digits[..end].ends_with(&['0', '0'])
        });
        let is_numbered = text.runs[self.run].begin.checked_sub(1).is_some_and(|at| text.folded[at] == '第');
        let is_labelled = self.context.is(Label::Phone) && part.signs.windows(2).all(|two| two[0] == two[1]);
        is_labelled && digits.len() == 11 || is_grouped && !is_round && !is_numbered && !is_figure(text, part.end, true)
    }

    /// Whether the words around a number name an amount or a code of ours.
    fn is_ours(&self, text: &DigitText, part: &Beginning<'_>) -> bool {
        self.context.is(Label::Code) || self.is_amount(text, part)
    }

    fn is_amount(&self, text: &DigitText, part: &Beginning<'_>) -> bool {
        !self.context.is(Label::Phone) && (self.context.is(Label::Figure) || is_figure(text, part.end, false))
    }

    /// What follows a word for a card, an account, a passport or a messenger, whatever its shape.
    fn labelled_document(&self, text: &DigitText, part: &Beginning<'_>) -> Option<Match> {
        let is_labelled =
            [Label::Identity, Label::Account, Label::Passport, Label::Messenger].into_iter().any(|label| self.context.is(label));
        let is_one = is_labelled && !part.has_ours && !part.has(Signs::COMMA);
        is_one.then(|| Match::document(part, last_x(text, part)))
    }

    /// An identity number: 18 characters with a day of birth and a check digit, or 15 of the older kind.
    fn identity(&self, text: &DigitText, part: &Beginning<'_>) -> Option<Match> {
        if part.has(Signs::COMMA) || !is_region(part.digits) || is_figure(text, part.end, false) {
            return None;
        }
        let number = |from: usize, to: usize| part.digits[from..to].iter().fold(0, |sum, c| sum * 10 + c.to_digit(10).unwrap_or(0));
        match part.digits.len() {
            17 | 18 => {
                let x = last_x(text, part);
                let is_whole = part.digits.len() == 18 || x.is_some();
                let year = number(6, 10);
                let is_checked = has_identity_check(part.digits, x.is_some());
                let is_one = is_whole
                    && is_day(year, number(10, 12), number(12, 14))
                    && (is_checked || year <= BORN_MAX && !self.context.is(Label::Code) && !is_credit_code(part.digits));
                is_one.then(|| Match::document(part, x.filter(|_| part.digits.len() == 17)))
            }
            15 => {
                let is_grouped = part.blocks.len() == 1 || part.is_uniform();
                let is_one = is_grouped
                    && number(6, 8) >= 25
                    && is_day(1900 + number(6, 8), number(8, 10), number(10, 12))
                    && !self.context.is(Label::Code)
                    && !self.letter;
                is_one.then(|| Match::document(part, None))
            }
            _ => None,
        }
    }

    /// A card of a bank: 16 to 19 digits with a check digit.
    fn card(&self, text: &DigitText, part: &Beginning<'_>) -> Option<Match> {
        let (digits, first) = (part.digits, part.digits[0]);
        let is_issued = matches!(first, '3'..='6' | '9');
        let (is_domestic, is_known) = (digits.starts_with(&['6', '2']), CARD_BLOCKS.contains(&&part.blocks[..]));
        let is_grouped = part.blocks.len() == 1 || part.is_uniform() && (is_known || is_domestic);
        let is_one = (16..=19).contains(&digits.len())
            && is_issued
            && is_grouped
            && (has_luhn_check(digits) || is_domestic && is_known)
            && !part.has_ours
            && !self.letter
            && !text.folded.get(part.end).is_some_and(char::is_ascii_alphabetic)
            && !is_credit_code(digits)
            && !self.is_ours(text, part);
        is_one.then(|| Match::document(part, None))
    }

    /// A mobile number, with the code of the country or without.
    fn mobile(&self, text: &DigitText, part: &Beginning<'_>) -> Option<Match> {
        let skipped = self.country_code(part);
        let digits = &part.digits[skipped..];
        let zero = usize::from(digits.len() == 12 && digits[0] == '0');
        let (digits, skipped) = (&digits[zero..], skipped + zero);
        if digits.len() != 11 || digits[0] != '1' || digits[1] < '3' || part.has_ours {
            return None;
        }
        let blocks = part.blocks_without(skipped);
        let is_known = MOBILE_BLOCKS.contains(&&blocks[..]);
        let is_torn = blocks[0] == 3 && part.has(Signs::DASH) && part.signs.iter().all(|signs| signs.is_only(&[Signs::DASH, Signs::SPACE]));
        let is_grouped = self.context.is(Label::Phone)
            || is_torn
            || if part.has(Signs::COMMA) { blocks == [3, 4, 4] || self.is_in_thousands(text, part) } else { is_known || part.is_uniform() }
            || part.signs.iter().all(|signs| *signs == Signs::DOT) && blocks.iter().all(|block| *block == 1);
        let is_year_led = digits[1] == '9' && (self.letter && blocks.len() == 1 || blocks == [4, 4, 3] && is_year(year_of(&digits[4..])));
        let is_one =
            is_grouped && !is_year_led && !self.is_ours(text, part) && !is_place_on_map(text, part, &blocks) && !is_thousands(part);
        is_one.then(|| Match::phone(part, skipped))
    }

    /// Whether commas group a mobile number by thousands, as a spreadsheet shows it: amounts are written so too, but with a word or decimals.
    fn is_in_thousands(&self, text: &DigitText, part: &Beginning<'_>) -> bool {
        let is_person = matches!(self.context.label, Some(Label::Phone | Label::Contact));
        let has_decimals = text.folded.get(part.end) == Some(&'.') && text.folded.get(part.end + 1).is_some_and(char::is_ascii_digit);
        part.blocks == [2, 3, 3, 3]
            && part.signs.iter().all(|signs| *signs == Signs::COMMA)
            && !has_decimals
            && (is_person || !has_figure_word(text, text.runs[self.run].begin) && !is_figure(text, part.end, true))
    }

    /// A telephone number with its area code.
    fn landline(&self, text: &DigitText, part: &Beginning<'_>) -> Option<Match> {
        let country = self.country_code(part);
        let digits = &part.digits[country..];
        let zero = usize::from(digits.first() == Some(&'0'));
        if zero == 0 && country == 0 {
            return None;
        }
        let area = zero + area_length(&digits[zero..])?;
        let local = &digits[area..];
        let blocks = part.blocks_without(country + area);
        let is_grouped = blocks.len() == 1 || LOCAL_BLOCKS.contains(&&blocks[..]) || part.is_uniform() || self.context.is(Label::Phone);
        let is_one = matches!(local.len(), 7 | 8)
            && local[0] != '0'
            && is_grouped
            && !part.has(Signs::COMMA)
            && !part.has_ours
            && !self.letter
            && !self.is_ours(text, part);
        is_one.then(|| Match::phone(part, country))
    }

    /// A number of a company: 400 or 800 and seven digits.
    fn company(&self, text: &DigitText, part: &Beginning<'_>) -> Option<Match> {
        let digits = part.digits;
        let is_one = digits.len() == 10
            && matches!(digits[0], '4' | '8')
            && digits[1..3] == ['0', '0']
            && (COMPANY_BLOCKS.contains(&&part.blocks[..]) || part.is_uniform() || self.context.is(Label::Phone))
            && !part.has(Signs::COMMA)
            && !part.has_ours
            && !self.letter
            && !self.is_ours(text, part);
        is_one.then(|| Match::phone(part, 0))
    }

    /// A number with the code of another country behind a plus, or of Hong Kong or Macao.
    fn foreign(&self, text: &DigitText, part: &Beginning<'_>) -> Option<Match> {
        let digits = part.digits;
        let is_near = part.blocks.first() == Some(&3) && digits[0] == '8' && digits[1] == '5' && matches!(digits[2], '2' | '3');
        let is_one = (self.plus && (10..=15).contains(&digits.len()) || is_near && digits.len() == 11 && matches!(digits[3], '2'..='9'))
            && !part.has(Signs::COMMA)
            && !part.has(Signs::DOT)
            && !part.has_ours
            && !self.letter
            && !self.is_ours(text, part);
        is_one.then(|| Match::phone(part, 0))
    }

    /// A telephone number without area code, behind a word for a telephone, a person or a desk, or before such a word in brackets.
    fn local(&self, text: &DigitText, part: &Beginning<'_>) -> Option<Match> {
        let digits = part.digits;
        let is_phone = self.context.label == Some(Label::Phone);
        let is_labelled = is_phone || self.context.label == Some(Label::Contact) || self.context.is(Label::Desk) && !is_code(digits);
        if !LOCAL_BLOCKS.contains(&&part.blocks[..]) || !is_labelled && !is_named_phone(text, part.end) {
            return None;
        }
        let years = part.blocks == [4, 4] && is_year(year_of(digits)) && is_year(year_of(&digits[4..]));
        let day = part.blocks == [8] && is_written_day(digits);
        let is_round = digits.iter().rev().take_while(|digit| **digit == '0').count() >= 4;
        let is_joined = part.has(Signs::COMMA) || part.has(Signs::DOT) && !matches!(part.blocks[..], [3 | 4, 4]);
        let is_likely = self.context.is(Label::Phone) || !day && !is_round && matches!(digits[0], '2'..='8');
        let follows_letter = text.folded.get(part.end).is_some_and(char::is_ascii_alphabetic);
        let is_one = is_likely
            && !years
            && !is_joined
            && !is_place_on_map(text, part, &part.blocks)
            && !part.has_ours
            && !self.letter
            && (is_phone || !follows_letter)
            && !is_figure(text, part.end, !self.context.is(Label::Phone));
        is_one.then(|| Match::phone(part, 0))
    }

    /// Any other number right behind a word for a telephone, such as the short number of an office. Lines that every office has are no
    /// number of a person.
    fn labelled_phone(&self, text: &DigitText, part: &Beginning<'_>) -> Option<Match> {
        let is_public = part.digits.len() == 5 && matches!(part.digits[0], '1' | '9');
        let is_one = self.context.is(Label::Phone)
            && part.digits.len() <= 20
            && !part.has_ours
            && !part.has(Signs::COMMA)
            && (self.is_phone_cell || !is_public && !part.has(Signs::DOT) && !is_figure(text, part.end, false));
        is_one.then(|| Match::phone(part, 0))
    }

    /// A long run of digits that is nothing of ours.
    fn unknown(&self, text: &DigitText, part: &Beginning<'_>) -> Option<Match> {
        let digits = &text.digits(self.run);
        let end = text.runs[self.run].end;
        let is_round = digits.iter().rev().take_while(|digit| **digit == '0').count() >= 6;
        let next = text.folded.get(end).filter(|c| c.is_ascii_alphabetic());
        let is_word = self.letter || next.is_some_and(|letter| *letter != 'x' || !is_region(digits));
        let is_one = part.end == end
            && digits.len() >= UNKNOWN_MIN
            && !is_word
            && !is_round
            && !is_code(digits)
            && !is_serial(text, self.run)
            && !self.is_ours(text, part);
        is_one.then(|| Match::document(part, None))
    }

    /// The digits of the code 86 before a number: behind a plus, as `0086`, apart, or right before a mobile number.
    fn country_code(&self, part: &Beginning<'_>) -> usize {
        let digits = part.digits;
        if digits.starts_with(&['0', '0', '8', '6']) {
            return 4;
        }
        let is_code = digits.starts_with(&['8', '6'])
            && (self.plus || part.blocks[0] == 2 || digits.len() == 13 && digits[2] == '1' && digits[3] >= '3');
        if is_code { 2 } else { 0 }
    }
}

/// The position behind an X that ends an identity number.
fn last_x(text: &DigitText, part: &Beginning<'_>) -> Option<usize> {
    let at = match text.folded.get(part.end) {
        Some(' ' | '-') => part.end + 1,
        _ => part.end,
    };
    let ends = !text.folded.get(at + 1).is_some_and(char::is_ascii_alphanumeric);
    (text.folded.get(at) == Some(&'x') && ends).then_some(at + 1)
}

/// The first two digits of a region: those of a province.
fn is_region(digits: &[char]) -> bool {
    const PROVINCES: [(char, &str); 8] =
        [('1', "12345"), ('2', "123"), ('3', "1234567"), ('4', "123456"), ('5', "01234"), ('6', "12345"), ('7', "1"), ('8', "123")];
    digits.len() >= 2 && PROVINCES.iter().any(|(first, second)| *first == digits[0] && second.contains(digits[1]))
}

/// Whether a code holds a mobile number or an identity number whole. Days and serial numbers of ours are shorter.
pub fn is_code_of_person(code: &str) -> bool {
    code.split_inclusive(|c: char| !c.is_ascii_digit()).any(|part| {
        let digits: Vec<char> = part.chars().filter(char::is_ascii_digit).collect();
        let number = |from: usize, to: usize| digits[from..to].iter().fold(0, |sum, c| sum * 10 + c.to_digit(10).unwrap_or(0));
        match digits.len() {
            11 => digits[0] == '1' && digits[1] >= '3',
            17 | 18 => {
                let year = number(6, 10);
                is_region(&digits)
                    && year <= BORN_MAX
                    && is_day(year, number(10, 12), number(12, 14))
                    && has_identity_check(&digits, part.ends_with('X'))
            }
            _ => false,
        }
    })
}

/// The check of an identity number (GB 11643): the weighted sum modulo 11. `x`: the last character is an X.
fn has_identity_check(digits: &[char], x: bool) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let value = |c: &char| c.to_digit(10).unwrap_or(0);
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| value(digit) * weight).sum();
    let last = if digits.len() == 17 { x.then_some(10) } else { digits.get(17).map(value) };
    last == Some((12 - sum % 11) % 11)
}

/// The check of a bank card (ISO/IEC 7812, Luhn).
fn has_luhn_check(digits: &[char]) -> bool {
    let each = digits.iter().rev().enumerate().map(|(index, digit)| {
        let value = digit.to_digit(10).unwrap_or(0) * if index % 2 == 1 { 2 } else { 1 };
        value / 10 + value % 10
    });
    each.sum::<u32>().is_multiple_of(10)
}

/// The check of a code of an organisation of 18 digits (GB 32100).
fn is_credit_code(digits: &[char]) -> bool {
    const WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
    let value = |c: &char| c.to_digit(10).unwrap_or(0);
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| value(digit) * weight).sum();
    digits.len() == 18 && matches!(digits[0], '1' | '5' | '9') && value(&digits[17]) == (31 - sum % 31) % 31
}

/// The digits of an area code without its zero: 10, 2x, or three from 3 on.
fn area_length(digits: &[char]) -> Option<usize> {
    match (digits.first()?, digits.get(1)?) {
        ('1', '0') | ('2', _) => Some(2),
        ('3'..='9', _) => Some(3),
        _ => None,
    }
}

/// The number of the first four digits.
fn year_of(digits: &[char]) -> u32 {
    digits.iter().take(4).fold(0, |sum, digit| sum * 10 + digit.to_digit(10).unwrap_or(0))
}

/// Whether eight digits are a day: `20260930`.
fn is_written_day(digits: &[char]) -> bool {
    let two = |at: usize| digits[at].to_digit(10).unwrap_or(0) * 10 + digits[at + 1].to_digit(10).unwrap_or(0);
    digits.len() >= 8 && is_day(year_of(digits), two(4), two(6))
}

/// Whether a run is built as codes are: a day or a year first, or a region and a year, or the check of an organisation's code.
fn is_code(digits: &[char]) -> bool {
    let year = year_of(digits);
    let begins = (2000..2040).contains(&year) && digits.len() <= 20;
    let year_behind_region = if digits.len() > 10 && is_region(digits) { year_of(&digits[6..]) } else { 0 };
    let is_licence = is_year(year_behind_region) && (digits.len() == 15 || year_behind_region > BORN_MAX);
    // the code of a company: 91 to 93 and a region
    let is_company = digits.len() == 18 && digits[0] == '9' && matches!(digits[1], '1'..='3') && is_region(&digits[2..]);
    begins || is_written_day(digits) && year >= 1990 || is_licence || is_company || is_credit_code(digits)
}

/// Whether a run is the number of a paper: `第…号`.
fn is_serial(text: &DigitText, run: usize) -> bool {
    let run = text.runs[run];
    run.begin > 0 && text.folded[run.begin - 1] == '第' && text.folded.get(run.end) == Some(&'号')
}

/// Whether a number with a decimal point is one of two coordinates: `131.12345678,46.12345678`.
fn is_place_on_map(text: &DigitText, part: &Beginning<'_>, blocks: &[usize]) -> bool {
    let rest = text.folded.get(part.end..).unwrap_or_default();
    let decimals = || {
        let rest: Vec<char> = rest.iter().skip_while(|c| matches!(c, ',' | ' ' | '/')).take(8).copied().collect();
        rest.iter().position(|c| *c == '.').is_some_and(|at| (1..=3).contains(&at) && rest.get(at + 4).is_some_and(char::is_ascii_digit))
    };
    matches!(blocks, [3, 8] | [3 | 4, 4])
        && part.has(Signs::DOT)
        && matches!(rest.first(), Some(',' | ' ' | '/' | '°'))
        && (rest[0] == '°' || decimals())
}

/// Whether the digits are grouped by thousands: `13 800 000 000`.
fn is_thousands(part: &Beginning<'_>) -> bool {
    part.blocks.len() > 1 && part.blocks[1..].iter().all(|block| *block == 3) && part.digits.ends_with(&['0', '0', '0'])
}

/// The begin of a number with a plus and the bracket before it, if its other end is in the number: `(+86)138…`.
fn with_opening_bracket(text: &DigitText, begin: usize, end: usize) -> usize {
    let depth: i32 = text.folded[begin..end].iter().map(|c| bracket(*c)).sum();
    let plus = begin - usize::from(begin > 0 && text.folded[begin - 1] == '+');
    if depth < 0 && plus > 0 && bracket(text.folded[plus - 1]) == 1 { plus - 1 } else { plus }
}
