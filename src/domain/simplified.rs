//! Words of secrecy in traditional characters: (內部) is (内部).

/// Traditional characters of words of secrecy with their simplified forms.
pub(crate) const SIMPLIFIED: [(char, char); 18] = [
    ('內', '内'),
    ('機', '机'),
    ('祕', '秘'),
    ('絕', '绝'),
    ('級', '级'),
    ('項', '项'),
    ('開', '开'),
    ('對', '对'),
    ('傳', '传'),
    ('資', '资'),
    ('國', '国'),
    ('務', '务'),
    ('屬', '属'),
    ('無', '无'),
    ('為', '为'),
    ('於', '于'),
    ('暫', '暂'),
    ('緩', '缓'),
];

/// The simplified form of a character of a word of secrecy.
pub(crate) fn simplified(c: char) -> char {
    SIMPLIFIED.iter().find(|(traditional, _)| *traditional == c).map_or(c, |(_, simplified)| *simplified)
}
