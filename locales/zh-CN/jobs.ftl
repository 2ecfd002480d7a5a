### 任务进行中和结束时说的话。

job-accepted = 收到，开始画了。
job-queued = 收到，排在第 { $position } 位，轮到就画。（{ $job } 号）
job-aside = 服务商还在忙前面的，轮到就开始。（{ $job } 号）
job-rendering = 服务商接单了，视频一般要等几分钟，做好就发上来。（{ $job } 号）
job-unrecorded = 画好了，但这台机器的磁盘现在写不进去，先不发。能写了会自动发出来，不用再发命令。[{ $code }]
job-cancelled = { $job } 号已取消。
job-cancelled-begun = { $job } 号已取消。如果服务商已经开始画，仍可能扣费。

job-list-title = 正在画和排队的任务（{ $count } 个）：
job-list-title-chat = 这里正在画和排队的任务（{ $count } 个）：
job-list-empty = 现在没有正在画或排队的任务。
job-list-running = { $job } 号　{ $what }　已画 { $seconds } 秒
job-list-rendering = { $job } 号　{ $what }　服务商正在做，已等 { $seconds } 秒
job-list-rendering-percent = { $job } 号　{ $what }　服务商做到 { $percent }%，已等 { $seconds } 秒
job-list-aside = { $job } 号　{ $what }　在等服务商忙完前面的，已等 { $seconds } 秒
job-list-sending = { $job } 号　{ $what }　画好了，正在发送
job-list-ending = { $job } 号　{ $what }　已经结束，等着通知
job-list-waiting = { $job } 号　{ $what }　排在第 { $position } 位
job-list-more = 还有 { $count } 个没有列出。
job-list-hint = 取消某一个：{ $command }

kind-draw = 生图
kind-edit = 改图
kind-video = 视频

## 图片附带的文字

style-figurine-pvc = PVC 手办
style-figurine-resin = 树脂雕像
style-figurine-cabinet = 展示柜手办
caption-clip = 🎬 视频做好了！
caption-preset = ✨ { $style }，做好了！

note-first-frame = 动图只用了第一帧。
note-as-file = 图发不出来，所以改发成文件了，就是上面那个。
note-quote-gone = 引用的那条消息取不到，没有用上。
note-pictures-left-out = 一共给了 { $given } 张图，只用了前 { $used } 张。
note-count-unmet = 一次最多画 { $max } 张（x{ $max }），所以这次只画了一张。
note-size-unmet = 尺寸没用上：每边要在 { $least } 到 { $most } 像素之间。
note-maybe-charged = 这次可能已经扣费。
note-others-too = 你另外 { $more } 个任务也是这样。
note-fewer-charged = 要了 { $wished } 张，画成了 { $made } 张。没画成的也可能已经扣费。
note-fewer = 要了 { $wished } 张，画成了 { $made } 张。
