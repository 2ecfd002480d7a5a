### 任务进行中和结束时说的话。

job-accepted = 收到，开始画了。
job-queued = 收到，前面还有 { $ahead } 个，排到就画。（{ $job } 号）
job-cancelled = { $job } 号已取消。
job-cancelling = 正在取消 { $job } 号。如果服务商已经在画，可能仍会扣费。

job-list-title = 正在画和排队的任务（{ $count } 个）：
job-list-title-chat = 这里正在画和排队的任务（{ $count } 个）：
job-list-empty = 现在没有正在画或排队的任务。
job-list-running = { $job } 号　{ $what }　已画 { $seconds } 秒
job-list-sending = { $job } 号　{ $what }　画好了，正在发送
job-list-waiting = { $job } 号　{ $what }　排在第 { $position } 位
job-list-more = 还有 { $count } 个没有列出。
job-list-hint = 取消某一个：{ $command }

kind-draw = 生图
kind-edit = 改图
kind-selfie = 自拍
kind-video = 视频

## 图片附带的文字

style-figurine-pvc = PVC 手办
style-figurine-resin = 树脂雕像
style-figurine-cabinet = 展示柜手办
caption-preset = ✨ { $style }，做好了！
caption-edit = ✨ 改好了！
caption-sketch = ✏️ 这是离线草图，没有用到 AI 模型。

resend-caption = 上次的图再发一次。
resend-again = 刚才那张可能没送到，如果没看到，发 { $command } 再取一次。

note-first-frame = 动图只用了第一帧。
note-pictures-dropped = 这个服务最多看 { $used } 张图，其余 { $dropped } 张没用上。
note-references-ignored = 这个服务画图时不看参考图，只用了文字。
note-fewer = 要了 { $wished } 张，画成了 { $made } 张。
note-as-file = 图太大，改用文件发送。
note-smaller = 原图发不出来，这是压缩过的。
