//! Building blocks of invented names. Common ones, so that a combination means nobody in particular.
//!
//! Guangdong writes simplified characters and pinyin, Macau traditional ones and its own romanisation. Every given
//! name closes with a character that the two write differently, so nobody is written the same on both sides.

/// A character or two of a name: simplified, traditional, in pinyin, as romanised in Macau.
pub(super) type Sign = (&'static str, &'static str, &'static str, &'static str);

/// Chinese surnames.
pub(super) const SURNAMES: [Sign; 24] = [
    ("陈", "陳", "Chen", "Chan"),
    ("李", "李", "Li", "Lei"),
    ("黄", "黃", "Huang", "Wong"),
    ("林", "林", "Lin", "Lam"),
    ("张", "張", "Zhang", "Cheong"),
    ("王", "王", "Wang", "Vong"),
    ("吴", "吳", "Wu", "Ng"),
    ("刘", "劉", "Liu", "Lao"),
    ("梁", "梁", "Liang", "Leong"),
    ("何", "何", "He", "Ho"),
    ("郑", "鄭", "Zheng", "Cheang"),
    ("周", "周", "Zhou", "Chao"),
    ("叶", "葉", "Ye", "Ip"),
    ("蔡", "蔡", "Cai", "Choi"),
    ("谭", "譚", "Tan", "Tam"),
    ("邓", "鄧", "Deng", "Tang"),
    ("冯", "馮", "Feng", "Fong"),
    ("谢", "謝", "Xie", "Che"),
    ("罗", "羅", "Luo", "Lo"),
    ("潘", "潘", "Pan", "Pun"),
    ("曾", "曾", "Zeng", "Chang"),
    ("麦", "麥", "Mai", "Mak"),
    ("欧阳", "歐陽", "Ouyang", "Ao Ieong"),
    ("司徒", "司徒", "Situ", "Si Tou"),
];

/// What a given name begins with.
pub(super) const GIVEN: [Sign; 32] = [
    ("嘉", "嘉", "jia", "ka"),
    ("慧", "慧", "hui", "wai"),
    ("志", "志", "zhi", "chi"),
    ("明", "明", "ming", "meng"),
    ("家", "家", "jia", "ka"),
    ("俊", "俊", "jun", "chon"),
    ("美", "美", "mei", "mei"),
    ("玲", "玲", "ling", "leng"),
    ("文", "文", "wen", "man"),
    ("芳", "芳", "fang", "fong"),
    ("安", "安", "an", "on"),
    ("子", "子", "zi", "chi"),
    ("浩", "浩", "hao", "hou"),
    ("雅", "雅", "ya", "nga"),
    ("婷", "婷", "ting", "teng"),
    ("晴", "晴", "qing", "cheng"),
    ("德", "德", "de", "tak"),
    ("健", "健", "jian", "kin"),
    ("思", "思", "si", "si"),
    ("永", "永", "yong", "weng"),
    ("秀", "秀", "xiu", "sao"),
    ("佩", "佩", "pei", "pui"),
    ("惠", "惠", "hui", "wai"),
    ("景", "景", "jing", "keng"),
    ("少", "少", "shao", "sio"),
    ("丽", "麗", "li", "lai"),
    ("国", "國", "guo", "kuok"),
    ("诗", "詩", "shi", "si"),
    ("乐", "樂", "le", "lok"),
    ("晓", "曉", "xiao", "hio"),
    ("洁", "潔", "jie", "kit"),
    ("善", "善", "shan", "sin"),
];

/// What a given name closes with: written differently in the two scripts, in three letters of pinyin at least.
pub(super) const CLOSING: [Sign; 32] = [
    ("伟", "偉", "wei", "wai"),
    ("强", "強", "qiang", "keong"),
    ("华", "華", "hua", "wa"),
    ("轩", "軒", "xuan", "hin"),
    ("铭", "銘", "ming", "meng"),
    ("莹", "瑩", "ying", "ieng"),
    ("贤", "賢", "xian", "in"),
    ("杰", "傑", "jie", "kit"),
    ("颖", "穎", "ying", "weng"),
    ("龙", "龍", "long", "long"),
    ("凤", "鳳", "feng", "fong"),
    ("娇", "嬌", "jiao", "kio"),
    ("兰", "蘭", "lan", "lan"),
    ("莲", "蓮", "lian", "lin"),
    ("荣", "榮", "rong", "weng"),
    ("云", "雲", "yun", "wan"),
    ("涛", "濤", "tao", "tou"),
    ("辉", "輝", "hui", "fai"),
    ("兴", "興", "xing", "heng"),
    ("宁", "寧", "ning", "neng"),
    ("庆", "慶", "qing", "heng"),
    ("锋", "鋒", "feng", "fong"),
    ("阳", "陽", "yang", "ieong"),
    ("聪", "聰", "cong", "chong"),
    ("锦", "錦", "jin", "kam"),
    ("鸿", "鴻", "hong", "hong"),
    ("权", "權", "quan", "kun"),
    ("胜", "勝", "sheng", "seng"),
    ("贞", "貞", "zhen", "cheng"),
    ("静", "靜", "jing", "cheng"),
    ("诚", "誠", "cheng", "seng"),
    ("丰", "豐", "feng", "fong"),
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
    ["珠江检验所 Zhujiang Laboratory", "岭南检验中心 Lingnan Laboratory", "南沙医检 Nansha Laboratory"];

/// Laboratories of Macau, invented.
pub(super) const MACAU: [&str; 3] =
    ["Laboratório da Colina", "Laboratório do Lago 湖畔化驗所", "Laboratório da Ponte 橋頭化驗所"];
