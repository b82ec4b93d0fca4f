//! Building blocks of invented names. Common ones, so that a combination means nobody in particular.

/// A Chinese surname: character, pinyin, Cantonese romanisation as used in Macau.
pub(super) const SURNAMES: [(&str, &str, &str); 24] = [
    ("陳", "Chen", "Chan"),
    ("李", "Li", "Lei"),
    ("黃", "Huang", "Wong"),
    ("林", "Lin", "Lam"),
    ("張", "Zhang", "Cheong"),
    ("王", "Wang", "Vong"),
    ("吳", "Wu", "Ng"),
    ("劉", "Liu", "Lao"),
    ("梁", "Liang", "Leong"),
    ("何", "He", "Ho"),
    ("鄭", "Zheng", "Cheang"),
    ("周", "Zhou", "Chao"),
    ("葉", "Ye", "Ip"),
    ("蔡", "Cai", "Choi"),
    ("譚", "Tan", "Tam"),
    ("鄧", "Deng", "Tang"),
    ("馮", "Feng", "Fong"),
    ("謝", "Xie", "Che"),
    ("羅", "Luo", "Lo"),
    ("潘", "Pan", "Pun"),
    ("曾", "Zeng", "Chang"),
    ("麥", "Mai", "Mak"),
    ("歐陽", "Ouyang", "Ao Ieong"),
    ("司徒", "Situ", "Si Tou"),
];

/// A character of a given name: character, pinyin, Cantonese romanisation.
pub(super) const GIVEN: [(&str, &str, &str); 32] = [
    ("嘉", "jia", "ka"),
    ("慧", "hui", "wai"),
    ("志", "zhi", "chi"),
    ("明", "ming", "meng"),
    ("家", "jia", "ka"),
    ("俊", "jun", "chon"),
    ("美", "mei", "mei"),
    ("玲", "ling", "leng"),
    ("偉", "wei", "wai"),
    ("強", "qiang", "keong"),
    ("文", "wen", "man"),
    ("華", "hua", "wa"),
    ("麗", "li", "lai"),
    ("芳", "fang", "fong"),
    ("國", "guo", "kuok"),
    ("安", "an", "on"),
    ("子", "zi", "chi"),
    ("軒", "xuan", "hin"),
    ("浩", "hao", "hou"),
    ("然", "ran", "in"),
    ("詩", "shi", "si"),
    ("雅", "ya", "nga"),
    ("婷", "ting", "teng"),
    ("宇", "yu", "u"),
    ("晴", "qing", "cheng"),
    ("銘", "ming", "meng"),
    ("德", "de", "tak"),
    ("健", "jian", "kin"),
    ("怡", "yi", "i"),
    ("樂", "le", "lok"),
    ("思", "si", "si"),
    ("瑩", "ying", "ieng"),
];

/// Portuguese first names.
pub(super) const FIRST: [&str; 20] = [
    "António",
    "Maria",
    "João",
    "Inês",
    "José",
    "Conceição",
    "Luís",
    "Fátima",
    "Sebastião",
    "Graça",
    "Tomás",
    "Beatriz",
    "Simão",
    "Leonor",
    "Estêvão",
    "Mónica",
    "Vítor",
    "Mafalda",
    "Álvaro",
    "Anabela",
];

/// Portuguese surnames of Macau.
pub(super) const LAST: [&str; 20] = [
    "Xavier",
    "do Rosário",
    "da Conceição",
    "Guimarães",
    "Magalhães",
    "Assunção",
    "Nascimento",
    "da Luz",
    "Simões",
    "Gonçalves",
    "Sequeira",
    "Brandão",
    "Falcão",
    "de Araújo",
    "Leão",
    "Colaço",
    "Noronha",
    "Remédios",
    "Jorge",
    "Sales Marques",
];

/// Laboratories of Guangdong, invented.
pub(super) const GUANGDONG: [&str; 3] =
    ["珠江檢驗所 Zhujiang Laboratory", "嶺南檢驗中心 Lingnan Laboratory", "南沙醫檢 Nansha Laboratory"];

/// Laboratories of Macau, invented.
pub(super) const MACAU: [&str; 3] =
    ["Laboratório da Colina", "Laboratório do Lago 湖畔化驗所", "Laboratório da Ponte 橋頭化驗所"];
