//! The words that `sketch` understands, as data: what a prompt may name and how people write it.
//!
//! Only the tables and their types; reading a prompt is `plan`. Words stand in simplified characters; [`simplified`]
//! brings other forms to them. A word in Chinese is found anywhere, a word in
//! Latin letters only as a whole word (a plural `s` is allowed). At each place the longest word wins, which
//! is what the `Tag::Ignore` rows are for: 马路 is no horse and 上海 no sea.

/// Something that can be drawn as a figure of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Subject {
    Corgi, Dog, Cat, Rabbit, Fox, Bear, Panda, Tiger, Lion, Pig, Cow, Sheep, Mouse, Wolf,
    Horse, Unicorn, Deer, Bird, Penguin, Owl, Chick, Fish, Whale, Butterfly, Dragon, Turtle,
    Girl, Boy, Person, Santa, Astronaut, Wizard, Robot,
    Car, Boat, Plane, Rocket, Balloon, House, Cabin, Castle, Temple, Lighthouse, Windmill, Tent, Train,
    Tree, Blossom, Pine, ChristmasTree, Bamboo, Flower, Sunflower, Mushroom,
    Cake, Noodles, Dish, Cup, Apple, Book, Heart, Lantern, Umbrella, Gift, Guitar, Snowman,
}

/// Where a scene plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Meadow, Seaside, Forest, City, Street, Snowfield, Desert, Space, Room, Mountains, Lake, Underwater, Garden,
    Village,
    /// Snow-covered summits.
    Peaks,
    /// The Great Wall in its mountains.
    Wall,
    /// The ground of the moon.
    Moon,
}

/// The light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Hour {
    Day, Dawn, Sunset, Night,
}

/// What falls from, hangs in or crosses the sky.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Weather {
    Rain, Snow, Fog, Aurora, Wind, Storm, Rainbow, Cloudy, Stars, Moon, Sun, Petals, Leaves, Fireworks, Meteor,
}

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Hue {
    Red, Orange, Yellow, Green, Cyan, Blue, Purple, Pink, Brown, Black, White, Grey, Gold, Silver,
}

/// What the subject does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Action {
    Stand, Run, Jump, Sleep, Sit, Fly, Dance, Eat, Read, Love,
}

/// The manner of the drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Style {
    Storybook, Watercolour, Pixel, Oil, Neon, Ink, Anime, Pencil, Mono, Retro, Figurine,
    /// A figurine as a statue.
    Statue,
    /// A figurine in a glass cabinet.
    Cabinet,
}

/// What a figure wears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Wear {
    Glasses, Hat,
}

/// What a word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Tag {
    Subject(Subject), Place(Place), Hour(Hour), Weather(Weather), Hue(Hue), Action(Action), Style(Style),
    Wear(Wear),
    /// "Add …": in an edit, the subjects that follow are drawn into the picture.
    Add,
    /// More than one of the subject that follows.
    Many,
    /// A word that only looks like another one.
    Ignore,
}

use Action as A;
use Hour as H;
use Hue as C;
use Place as P;
use Style as Y;
use Subject as S;
use Weather as W;

/// Words (several spellings, separated by spaces; `_` stands for a space inside one) and their meaning.
pub(super) const TABLE: &[(&str, Tag)] = &[
    ("柯基 柯基犬 corgi", Tag::Subject(S::Corgi)),
    ("狗 小狗 狗狗 犬 柴犬 金毛 哈士奇 dog puppy shiba husky doge", Tag::Subject(S::Dog)),
    ("猫 小猫 猫咪 猫猫 喵 cat kitten kitty neko", Tag::Subject(S::Cat)),
    ("兔 兔子 小兔 rabbit bunny hare", Tag::Subject(S::Rabbit)),
    ("狐狸 小狐狸 狐 fox", Tag::Subject(S::Fox)),
    ("熊 小熊 泰迪熊 bear teddy", Tag::Subject(S::Bear)),
    ("熊猫 大熊猫 panda", Tag::Subject(S::Panda)),
    ("老虎 小老虎 虎 tiger", Tag::Subject(S::Tiger)),
    ("狮子 狮 lion", Tag::Subject(S::Lion)),
    ("猪 小猪 猪猪 pig piglet", Tag::Subject(S::Pig)),
    ("牛 奶牛 小牛 cow ox", Tag::Subject(S::Cow)),
    ("羊 绵羊 小羊 羊羔 sheep lamb", Tag::Subject(S::Sheep)),
    ("老鼠 仓鼠 鼠 mouse hamster", Tag::Subject(S::Mouse)),
    ("狼 wolf wolves", Tag::Subject(S::Wolf)),
    ("马 骏马 小马 horse pony", Tag::Subject(S::Horse)),
    ("独角兽 unicorn", Tag::Subject(S::Unicorn)),
    ("鹿 小鹿 梅花鹿 deer reindeer fawn", Tag::Subject(S::Deer)),
    ("鸟 小鸟 飞鸟 麻雀 鸽子 鹦鹉 bird sparrow parrot", Tag::Subject(S::Bird)),
    ("企鹅 penguin", Tag::Subject(S::Penguin)),
    ("猫头鹰 owl", Tag::Subject(S::Owl)),
    ("小鸡 鸡 鸭 小鸭 鸭子 小黄鸭 chick chicken duck duckling", Tag::Subject(S::Chick)),
    ("鱼 金鱼 锦鲤 鲤鱼 小鱼 fish goldfish koi", Tag::Subject(S::Fish)),
    ("鲸 鲸鱼 蓝鲸 whale", Tag::Subject(S::Whale)),
    ("蝴蝶 butterfly butterflies", Tag::Subject(S::Butterfly)),
    ("龙 巨龙 神龙 dragon", Tag::Subject(S::Dragon)),
    ("乌龟 海龟 龟 turtle tortoise", Tag::Subject(S::Turtle)),
    ("女孩 少女 女生 姑娘 女人 美女 公主 妹妹 女子 萝莉 girl woman princess lady", Tag::Subject(S::Girl)),
    ("男孩 少年 男生 男人 王子 小伙 男子 boy man prince", Tag::Subject(S::Boy)),
    ("人 人物 小孩 孩子 角色 老人 老爷爷 老奶奶 person people child kid character", Tag::Subject(S::Person)),
    ("圣诞老人 圣诞老公公 santa santa_claus father_christmas", Tag::Subject(S::Santa)),
    ("宇航员 航天员 太空人 astronaut cosmonaut", Tag::Subject(S::Astronaut)),
    ("魔法师 巫师 女巫 魔女 wizard witch mage", Tag::Subject(S::Wizard)),
    ("机器人 机甲 高达 robot mecha android", Tag::Subject(S::Robot)),
    ("车 汽车 轿车 跑车 小车 出租车 car taxi automobile", Tag::Subject(S::Car)),
    ("船 帆船 小船 轮船 舟 小舟 boat ship sailboat", Tag::Subject(S::Boat)),
    ("飞机 纸飞机 plane airplane aircraft", Tag::Subject(S::Plane)),
    ("飞船 火箭 宇宙飞船 太空船 spaceship rocket spacecraft starship", Tag::Subject(S::Rocket)),
    ("气球 热气球 balloon", Tag::Subject(S::Balloon)),
    ("房子 小屋 房屋 屋 家 house cottage home", Tag::Subject(S::House)),
    ("木屋 小木屋 木房子 林中小屋 cabin log_cabin hut", Tag::Subject(S::Cabin)),
    ("城堡 古堡 castle palace fortress", Tag::Subject(S::Castle)),
    ("塔 宝塔 寺庙 神社 古建筑 亭子 宫殿 temple pagoda shrine", Tag::Subject(S::Temple)),
    ("灯塔 lighthouse", Tag::Subject(S::Lighthouse)),
    ("风车 windmill", Tag::Subject(S::Windmill)),
    ("帐篷 露营 tent camping", Tag::Subject(S::Tent)),
    ("火车 列车 地铁 train locomotive", Tag::Subject(S::Train)),
    ("树 大树 树木 tree oak", Tag::Subject(S::Tree)),
    ("樱花树 桃树 梅花 桃花 blossom sakura_tree", Tag::Subject(S::Blossom)),
    ("松树 松 pine fir", Tag::Subject(S::Pine)),
    ("圣诞树 christmas_tree", Tag::Subject(S::ChristmasTree)),
    ("竹 竹子 竹林 bamboo", Tag::Subject(S::Bamboo)),
    ("花 花朵 鲜花 玫瑰 郁金香 荷花 flower rose tulip lotus", Tag::Subject(S::Flower)),
    ("向日葵 太阳花 sunflower", Tag::Subject(S::Sunflower)),
    ("蘑菇 mushroom", Tag::Subject(S::Mushroom)),
    ("蛋糕 生日蛋糕 甜点 cake cupcake dessert", Tag::Subject(S::Cake)),
    ("面 拉面 面条 牛肉面 鸡蛋面 方便面 泡面 鱼丸面 羊肉粉 米线 火锅 ramen noodle beef_noodle noodle_soup", Tag::Subject(S::Noodles)),
    ("美食 食物 米饭 饺子 菜 炒饭 寿司 牛肉 牛排 羊肉 猪肉 鸡肉 鱼肉 红烧肉 鱼香肉丝 水煮鱼 烤鱼 烤鸭 烤鸡 炸鸡 鸡腿 鸡翅 \
      鸡蛋 煎蛋 蛋炒饭 羊肉串 烤羊 龙虾 小龙虾 虾 螃蟹 面包 披萨 汉堡 热狗 food rice dumpling sushi dish beef steak \
      fried_chicken roast_duck hot_dog pizza burger egg bread", Tag::Subject(S::Dish)),
    ("咖啡 茶 奶茶 牛奶 鸡尾酒 杯子 coffee tea cup mug", Tag::Subject(S::Cup)),
    ("苹果 水果 桃子 apple fruit peach", Tag::Subject(S::Apple)),
    ("书 书本 book", Tag::Subject(S::Book)),
    ("爱心 心形 heart", Tag::Subject(S::Heart)),
    ("灯笼 孔明灯 lantern", Tag::Subject(S::Lantern)),
    ("伞 雨伞 umbrella", Tag::Subject(S::Umbrella)),
    ("礼物 礼盒 gift present", Tag::Subject(S::Gift)),
    ("吉他 guitar ukulele", Tag::Subject(S::Guitar)),
    ("雪人 snowman", Tag::Subject(S::Snowman)),
    ("草地 草原 草坪 田野 meadow grass grassland lawn field", Tag::Place(P::Meadow)),
    ("海 海边 大海 海滩 沙滩 海洋 海岸 seaside sea beach ocean coast", Tag::Place(P::Seaside)),
    ("森林 树林 丛林 forest wood jungle", Tag::Place(P::Forest)),
    ("城市 都市 高楼 摩天楼 city skyline skyscraper downtown", Tag::Place(P::City)),
    ("街 街头 街道 小巷 马路 街景 street alley road", Tag::Place(P::Street)),
    ("雪地 雪原 冰原 北极 南极 snowfield tundra arctic", Tag::Place(P::Snowfield)),
    ("沙漠 沙丘 戈壁 desert dune", Tag::Place(P::Desert)),
    ("太空 宇宙 外太空 火星 星球 space universe galaxy cosmos planet mars", Tag::Place(P::Space)),
    ("室内 房间 卧室 客厅 教室 咖啡馆 窗边 窗台 窗户 窗前 room indoor bedroom cafe classroom windowsill window_sill window", Tag::Place(P::Room)),
    ("山 高山 山水 山峰 群山 山脉 mountain hill peak landscape", Tag::Place(P::Mountains)),
    ("雪山 雪峰 富士山 喜马拉雅 阿尔卑斯 珠峰 snow_mountain snowy_mountain snowcapped snow-capped alps mount_fuji", Tag::Place(P::Peaks)),
    ("长城 great_wall", Tag::Place(P::Wall)),
    ("月球 月面 月球表面 月亮上 on_the_moon lunar", Tag::Place(P::Moon)),
    ("湖 湖面 湖边 江 河 河边 池塘 小溪 lake river pond stream", Tag::Place(P::Lake)),
    ("海底 水下 深海 underwater undersea deep_sea", Tag::Place(P::Underwater)),
    ("花园 花田 花海 garden flower_field", Tag::Place(P::Garden)),
    ("村庄 乡村 小镇 村子 village town countryside farm", Tag::Place(P::Village)),
    ("白天 中午 正午 晴天 daytime noon", Tag::Hour(H::Day)),
    ("清晨 早晨 日出 黎明 朝阳 morning dawn sunrise", Tag::Hour(H::Dawn)),
    ("日落 黄昏 傍晚 夕阳 晚霞 sunset dusk evening twilight", Tag::Hour(H::Sunset)),
    ("夜 夜晚 晚上 深夜 夜景 夜色 night midnight nighttime", Tag::Hour(H::Night)),
    ("雨 下雨 大雨 雨天 雨中 rain rainy raining", Tag::Weather(W::Rain)),
    ("雪 下雪 大雪 雪花 雪景 冬 冬天 冬季 snow snowy winter", Tag::Weather(W::Snow)),
    ("雾 大雾 薄雾 云雾 fog foggy mist misty haze", Tag::Weather(W::Fog)),
    ("极光 aurora northern_light", Tag::Weather(W::Aurora)),
    ("风 大风 微风 wind windy breeze", Tag::Weather(W::Wind)),
    ("闪电 雷 雷雨 暴风雨 暴雨 lightning thunder storm thunderstorm", Tag::Weather(W::Storm)),
    ("彩虹 rainbow", Tag::Weather(W::Rainbow)),
    ("云 白云 多云 阴天 云海 cloud cloudy overcast", Tag::Weather(W::Cloudy)),
    ("星 星星 星空 繁星 银河 star starry stars milky_way", Tag::Weather(W::Stars)),
    ("月 月亮 月光 满月 明月 moon moonlight", Tag::Weather(W::Moon)),
    ("太阳 阳光 sun sunny sunlight sunshine", Tag::Weather(W::Sun)),
    ("樱花 花瓣 春 春天 春季 spring sakura petal cherry_blossom", Tag::Weather(W::Petals)),
    ("落叶 枫叶 秋 秋天 秋季 autumn maple leaf leaves fall_colors", Tag::Weather(W::Leaves)),
    ("烟花 烟火 firework", Tag::Weather(W::Fireworks)),
    ("流星 流星雨 彗星 meteor comet shooting_star", Tag::Weather(W::Meteor)),
    ("红 红色 大红 red crimson scarlet", Tag::Hue(C::Red)),
    ("橙 橙色 橘色 橘 orange", Tag::Hue(C::Orange)),
    ("黄 黄色 yellow", Tag::Hue(C::Yellow)),
    ("绿 绿色 翠绿 green emerald", Tag::Hue(C::Green)),
    ("青 青色 cyan teal turquoise", Tag::Hue(C::Cyan)),
    ("蓝 蓝色 天蓝 blue azure navy", Tag::Hue(C::Blue)),
    ("紫 紫色 purple violet lavender", Tag::Hue(C::Purple)),
    ("粉 粉色 粉红 粉红色 pink rose_pink", Tag::Hue(C::Pink)),
    ("棕 棕色 褐色 brown chestnut", Tag::Hue(C::Brown)),
    ("黑 黑色 black", Tag::Hue(C::Black)),
    ("白 白色 white", Tag::Hue(C::White)),
    ("灰 灰色 gray grey", Tag::Hue(C::Grey)),
    ("金 金色 黄金 gold golden", Tag::Hue(C::Gold)),
    ("银 银色 silver", Tag::Hue(C::Silver)),
    ("站 站立 stand standing", Tag::Action(A::Stand)),
    ("跑 奔跑 跑步 飞奔 奔驰 追 run running runs chasing", Tag::Action(A::Run)),
    ("跳 跳跃 蹦 跳起 jump jumping leap leaping", Tag::Action(A::Jump)),
    ("睡 睡觉 睡着 熟睡 打盹 sleep sleeping asleep nap", Tag::Action(A::Sleep)),
    ("坐 坐着 蹲 sit sitting seated", Tag::Action(A::Sit)),
    ("飞 飞翔 飞行 翱翔 fly flying soaring", Tag::Action(A::Fly)),
    ("跳舞 舞蹈 唱歌 起舞 dance dancing sing singing", Tag::Action(A::Dance)),
    ("吃 吃饭 eat eating", Tag::Action(A::Eat)),
    ("读书 看书 阅读 read reading", Tag::Action(A::Read)),
    ("爱 拥抱 恋爱 抱 love hug hugging kiss", Tag::Action(A::Love)),
    ("眼镜 墨镜 太阳镜 glasses sunglasses spectacles", Tag::Wear(Wear::Glasses)),
    ("帽子 帽 礼帽 圣诞帽 草帽 鸭舌帽 棒球帽 hat cap", Tag::Wear(Wear::Hat)),
    ("水彩 水彩画 watercolor watercolour", Tag::Style(Y::Watercolour)),
    ("像素 像素风 像素画 像素艺术 pixel pixel_art 8bit 8-bit", Tag::Style(Y::Pixel)),
    ("油画 梵高 印象派 oil_painting van_gogh impressionist oil", Tag::Style(Y::Oil)),
    ("赛博朋克 赛博 霓虹 cyberpunk neon synthwave", Tag::Style(Y::Neon)),
    ("水墨 水墨画 国画 墨 ink ink_wash sumi-e", Tag::Style(Y::Ink)),
    ("动漫 动画 漫画 二次元 卡通 anime manga cartoon comic", Tag::Style(Y::Anime)),
    ("素描 铅笔 线稿 手绘 pencil line_art lineart", Tag::Style(Y::Pencil)),
    ("黑白 单色 灰度 monochrome black_and_white grayscale", Tag::Style(Y::Mono)),
    ("复古 老照片 怀旧 retro vintage sepia", Tag::Style(Y::Retro)),
    ("手办 模型 盲盒 亚克力 figurine figure figma toy", Tag::Style(Y::Figurine)),
    ("雕像 雕塑 塑像 石像 铜像 石膏像 statue sculpture resin_statue bust", Tag::Style(Y::Statue)),
    ("展示柜 陈列柜 玻璃柜 橱窗 display_cabinet display_case showcase glass_cabinet", Tag::Style(Y::Cabinet)),
    ("加 加上 加个 添 添加 放 戴 戴上 add put include", Tag::Add),
    ("一群 许多 很多 几只 两只 三只 两个 三个 many several two three group", Tag::Many),
    ("上海 海报 人工 别人 大家 家庭 国家 画家 作家 马上 马克 马赛克 水面 面前 后面 前面 上面 里面 下面 画面 \
      见面 面对 面部 粉丝 金属 现金 风格 画风 风景 青年 青春 明星 火星文 月饼 松鼠 海鲜 花费 书法 车站 白领 \
      空白 明白 机会 这个人 个人 本人 加油 云南 龙卷风 雷达 爱好 可爱 喜爱 亲爱 人像 虎皮 牛仔 牛仔裤 牛油果 马桶 马甲 马拉松 马卡龙 马铃薯 海马 河马 斑马 蜗牛 犀牛 羊毛 羊绒 狗尾巴草 鼠标 恐龙 \
      变色龙 水龙头 熊孩子 鱼缸 鸡冠花 龙舟 猫眼 虎牙 花生 花椒 西兰花 雪糕 雪碧 茶几 书包 书架 书桌 人参 面具 面膜 表面 地面 \
      石家庄 雪人节 专家 大师 追加 增加 参加 放大 放在 \
      fall like art", Tag::Ignore),
];

/// Characters in their traditional or Japanese form, each followed by the simplified one that the table uses.
const FORMS: &str = "\
    叢丛絲丝兩两個个烏乌鄉乡書书雲云亞亚親亲倉仓夥伙會会傘伞獸兽內内幾几別别辦办動动單单臥卧廳厅參参葉叶喫吃後后員员園园國国聖圣復复頭头寶宝宮宫對对屬属峯峰師师帳帐莊庄廟庙懷怀戀恋報报擁拥舊旧術术\
    機机條条極极楓枫櫃柜樹树樓楼櫻樱桜樱櫥橱氣气滿满灘滩燈灯點点煙烟熱热愛爱獨独獅狮豬猪貓猫現现電电畫画著着禮礼筆笔籠笼築筑紅红紙纸線线繪绘綿绵綠绿羣群脈脉藝艺蘋苹蘿萝營营藍蓝見见覺觉許许誕诞讀读\
    費费賽赛躍跃車车輪轮轎轿邊边達达這这鬱郁裡里裏里鐵铁鉛铅銅铜銀银鍋锅錦锦鎮镇閃闪間间閱阅陽阳陰阴陳陈霧雾領领風风飛飞飯饭餃饺餅饼館馆馬马馳驰駿骏魚鱼鮮鲜鯉鲤鯨鲸鳥鸟雞鸡鷄鸡鴨鸭鴿鸽鵝鹅鵡鹉鸚鹦\
    鷹鹰黃黄龍龙竜龙龜龟亀龟麵面鏡镜燒烧燉炖腳脚漢汉蝦虾蠍蝎麥麦穀谷歲岁島岛東东長长遠远圖图顏颜夢梦與与為为請请給给幫帮張张隻只來来們们說说寫写騎骑開开關关門门戶户臺台檯台鐘钟錶表雜杂級级維维馴驯\
    騰腾鳳凤鶴鹤麗丽塊块壓压壽寿髮发發发響响節节紗纱綢绸緞缎縣县蟲虫蛻蜕蝸蜗螞蚂鑽钻鋼钢彈弹撥拨鑼锣鵰雕調调輕轻輛辆軌轨軟软煉炼爐炉爺爷勝胜腦脑臘腊艙舱艦舰蓮莲薔蔷蘆芦蘭兰蘇苏複复補补裝装觀观誰谁\
    談谈識识謝谢豐丰貝贝貨货賓宾趙赵跡迹轉转運运過过遊游還还進进鄭郑醫医釣钓鈴铃銹锈錢钱鎖锁鐮镰陸陆隊队階阶際际隨随雙双離离難难霽霁靈灵靜静頂顶項项須须頁页顆颗題题顛颠類类飄飘飾饰飲饮養养駱骆駝驼\
    驢驴骯肮鬆松鬥斗鬧闹魯鲁鯊鲨鰻鳗鴉鸦鴛鸳鴦鸯鵑鹃鵬鹏鷗鸥鹽盐鹹咸齊齐齒齿駅站図图絵绘黒黑読读歩步";

/// The form of a character that the table of words uses.
pub(super) fn simplified(character: char) -> char {
    let mut forms = FORMS.chars();
    while let (Some(from), Some(to)) = (forms.next(), forms.next()) {
        if from == character {
            return to;
        }
    }
    character
}
