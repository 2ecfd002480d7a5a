### 群聊里看到的帮助和清单。都是纯文本，不用任何标记。
### $prefix 是命令前缀，可能为空。

list-separator = 、

span-seconds = { $count } 秒
span-minutes = { $count } 分钟
span-hours = { $count } 小时
span-days = { $count } 天
ago = { $span }前
ago-now = 刚刚
ago-unknown = 一段时间前

help-title = 🎨 画架能帮你画图和改图：
help-draw =
    { $prefix }生图 描述 — 按描述画一张
    {"  "}例：{ $prefix }生图 一只在草地上奔跑的柯基 16:9
help-edit =
    { $prefix }改图 要求 — 修改图片（随命令一起发图，或引用一张图）
    {"  "}例：{ $prefix }改图 换成雨夜街头
help-figurines =
    { $prefix }手办化 — 变成 PVC 手办，带包装盒
    { $prefix }手办化2 — 变成收藏级树脂雕像
    { $prefix }手办化3 — 变成展示柜里的手办
    {"  "}不带图时，用你 @ 的人或你自己的头像
help-video =
    { $prefix }视频 描述 — 做一段短视频（带图就从这张图开始，一般要等几分钟）
    {"  "}例：{ $prefix }视频 小船慢慢漂向日落
help-presets = 还有这些预设：{ $names }
help-jobs =
    { $prefix }重发图片 — 图没收到？再发一次
    { $prefix }任务 — 看看正在画和排队的
    { $prefix }取消 — 取消刚才那张
    {"  "}例：{ $prefix }取消 3
help-more-draw = 比例、尺寸、张数怎么写：{ $prefix }生图帮助
help-more-edit = 改图的更多用法：{ $prefix }改图帮助

help-draw-details =
    🎨 生图怎么用
    { $prefix }生图 描述 — 想画什么就写什么，可以分行，最多 4000 字
    {"  "}例：{ $prefix }生图 雪山下的木屋，傍晚，暖光
    画面比例：单独写上 16:9、9:16、1:1、4:3、3:4、3:2、2:3、21:9 或 9:21；别的比例写成「比例 5:4」
    {"  "}例：{ $prefix }生图 一片星空 21:9
    大小：在开头或末尾写 1K、2K、4K，或写 2048x1152（每边 256 到 4096）
    {"  "}例：{ $prefix }生图 一片星空 2048x1152
    张数：在末尾写 x2 到 x9
    {"  "}例：{ $prefix }生图 一只猫 x2
    想让它参考某张图：把图和命令一起发，或引用那张图
    别的叫法：画图、绘图、出图、文生图、aiimg、draw
help-edit-details =
    🖌️ 改图怎么用
    { $prefix }改图 要求 — 图可以放在文字前、后或中间，也可以引用别人发的图
    {"  "}例：{ $prefix }改图 把背景换成海边
    刚发过图也行：两分钟内直接发命令，就改你最后发的那张
    可以给多张图，在要求里说「第一张」「第二张」
    {"  "}例：{ $prefix }改图 把第一张的人放进第二张的房间
    不写要求，就帮你把图修得更好看，内容不变
    比例和大小的写法与生图相同
    {"  "}例：{ $prefix }改图 换成水彩画 3:4
    别的叫法：图生图、修图、aiedit、edit

verb-cancel = 取消
example-draw = 生图 一只在草地上奔跑的柯基
example-video = 视频 小船慢慢漂向日落
example-preset = { $preset } 一只在草地上奔跑的柯基
presets-list = 现有的预设：{ $names }
presets-none = 还没有预设。
