### 出错时说的话：一句话讲清为什么、接下来怎么办，末尾带上 [代码]，方便向管理员反馈。
### 提到命令时带上前缀 $prefix，照着发就有用。

## 服务商

error-auth = 画图服务的密钥失效了，这次没画成。请联系机器人主人更换密钥。[{ $code }]
error-quota = 画图服务的额度用完了，这次没画成。请联系机器人主人充值，或者晚点再试。[{ $code }]
error-rate = 画图服务太忙，暂时不接新请求。过一两分钟再试试吧。[{ $code }]
error-overload = 画图服务这会儿出了故障或连不上，这次没画成。请稍后再试。[{ $code }]
error-unanswered = 请求已经发出，但画图服务一直没回应，可能已经扣费。想要的话请再发一次命令。[{ $code }]
error-unanswered-again = 已经自动重试过，画图服务还是没回应，{ $calls } 次请求都可能已经扣费。想要的话请再发一次命令。[{ $code }]
error-unanswered-free = 请求已经发出，但画图服务一直没回应。想要的话请再发一次命令。[{ $code }]
error-result-lost = 图画好了，但没能取回来，可能已经扣费。想要的话请再发一次命令。[{ $code }]
error-result-lost-free = 图画好了，但没能取回来。想要的话请再发一次命令。[{ $code }]
error-moderation-input = 描述或图片没通过内容审核。换个说法或换张图再试试吧。[{ $code }]
error-moderation-output = 图画出来了，但没通过内容审核，没法发出来。换个不敏感的说法再试试吧。[{ $code }]
error-moderation-said = 画图服务没有画，它说：“{ $said }”换个说法再试试吧。[{ $code }]
error-bad-request = 画图服务不接受这次的参数。去掉尺寸、比例之类的要求再试试吧。[{ $code }]
error-not-found = 画图服务里找不到设定的模型。请联系机器人主人检查配置。[{ $code }]
error-wrong-address = 画图服务的地址可能写错了，那里没有画图接口。请联系机器人主人检查配置。[{ $code }]
error-not-found-lately = 画图服务里找不到设定的模型，或者地址写错了。请联系机器人主人检查配置。[{ $code }]
error-empty = 画图服务回复了，却没给图。换个说法再试试吧。[{ $code }]
error-too-large = 内容太大，画图服务收不下。少放几张图，或换小一点的图再试试吧。[{ $code }]
error-deadline = { $minutes } 分钟内没能画好，先停下了。请稍后再试。[{ $code }]
error-provider-busy = 画图服务一直忙着画别的图，等到超时也没轮到你。请稍后再试。[{ $code }]
error-no-provider = 现在没有能用的画图服务。请联系机器人主人检查配置。[{ $code }]
error-cannot-edit = 设定的画图服务都不支持改图。请联系机器人主人添加一个支持改图的。[{ $code }]
error-no-clip = 这里还没有接入会做视频的服务。请联系机器人主人添加一个。[{ $code }]
error-clip-needs-picture = 设定的视频服务要有一张图才能做。发图或引用一张图，再试试吧。[{ $code }]
error-no-public-url = 这个服务只能从公网地址取参考图，这里给不了，没法改图。请联系机器人主人换一个服务。[{ $code }]
error-clip-words-only = 设定的视频服务只会按文字做视频，用不了图。去掉图再试试吧。[{ $code }]
error-too-large-wish = 设定的服务最大只能画 { $tier }K。把尺寸改小一点再试试吧。[{ $code }]
error-wrong-shape = 设定的服务画不出这个比例，只能画 { $sizes }。换个尺寸再试试吧。[{ $code }]
error-shape-kept = 设定的服务不能指定形状：结果跟随你给的图，或用服务自己的。去掉尺寸再试试吧。[{ $code }]
error-named-clips-only = “{ $provider }”只做视频，不画图。去掉 @{ $provider } 再试试吧。[{ $code }]
error-named-no-clip = “{ $provider }”不会做视频。去掉 @{ $provider } 再试试吧。[{ $code }]
error-edits-only = “{ $provider }”只会改图，不会只凭文字画图。请附上图片，或者不加 @{ $provider }，换一个服务商试试。[{ $code }]
error-named-no-edit = “{ $provider }”不会改图，只能按文字画。去掉 @{ $provider } 再试试吧。[{ $code }]
error-named-no-public-url = “{ $provider }”改图时要从公网地址取图，而这里没有设置公网地址。去掉 @{ $provider } 再试试吧。[{ $code }]
error-no-collage = 几张图片拼不到一起，画图服务又收不下这么多。少放几张再试试吧。[{ $code }]
error-unknown-provider = 没有叫“{ $provider }”的画图服务。去掉 @{ $provider } 再试试吧。[{ $code }]

## 排队和限制

error-queue-full = 排队的人太多，这次没排上。过几分钟再来吧。[{ $code }]
error-chat-busy = 这里已经有 { $max } 张在排队了。等画好一张再来吧。[{ $code }]
error-user-busy = 你已经有 { $max } 张在排队了。等画好一张再来吧。[{ $code }]
error-clip-busy = 你已经有一个视频在做了，等它做好再来吧。[{ $code }]
error-limit-group = 本群画得有点快，{ $period }内最多 { $max } 次。{ $wait }后再来吧。[{ $code }]
error-limit-user = 你画得有点快，{ $period }内最多 { $max } 次。{ $wait }后再来吧。[{ $code }]
error-limit-group-day = 本群 { $period }内的 { $max } 次已经用完。大约 { $wait }后再来吧。[{ $code }]
error-limit-user-day = 你 { $period }内的 { $max } 次已经用完。大约 { $wait }后再来吧。[{ $code }]
error-limit-moderation = 你在 { $period }内有 { $max } 次以上没通过内容审核，再这样下去服务商会封号。请 { $wait }后换个不敏感的说法再来。[{ $code }]
error-debounce = 手速太快啦，{ $wait }后再发吧。[{ $code }]

## 谁能用

refused-group = 本群还没有开通画图。想用的话，请联系机器人主人。[{ $code }]
refused-group-blocked = 本群不能使用画图。有疑问请联系机器人主人。[{ $code }]
refused-user = 你还没有开通画图。想用的话，请联系机器人主人。[{ $code }]
refused-user-blocked = 你不能使用画图。有疑问请联系机器人主人。[{ $code }]
refused-direct = 私聊里还没有为你开通画图。请到开通了的群里用，或联系机器人主人。[{ $code }]

## 命令

error-needs-picture = 要改哪张图？把图和命令一起发，或者引用一张图再发命令。[{ $code }]
error-needs-prompt = 想画什么？在命令后面写上描述，例如：{ $example } [{ $code }]
error-needs-clip-prompt = 想做什么样的视频？把描述写在命令后面，例如：{ $example } [{ $code }]
error-prompt-too-long = 描述太长了，最多 { $limit } 字。请缩短后再发。[{ $code }]
error-nothing-to-resend = 没有可以重发的图，图只会保留一小段时间。请重新画一张。[{ $code }]
error-resend-gone = 你上一张图的文件已经不在了，没法重发。请重新画一张。[{ $code }]
error-resend-some-gone = 你上一次的图有几张文件已经不在了，只剩这些。[{ $code }]
error-no-such-result = 没有 { $job } 号的图可以重发：可能还没画好，不是你的，或者已经过期。[{ $code }]
error-resend-busy = 你上一次要的重发还没发完，等它发完吧。[{ $code }]
error-no-such-job = 没有 { $job } 号任务，可能已经结束了。发 { $prefix }任务 看看现在有哪些。[{ $code }]
error-nothing-to-cancel = 你没有正在画或排队的图，不用取消。[{ $code }]
error-not-your-job = { $job } 号任务是别人的，只有本人和管理员能取消。[{ $code }]
error-too-late-to-cancel = { $job } 号任务已经结束、正在通知结果，来不及取消了。[{ $code }]

## 图片

error-picture-too-big = 图片太大了，最大 { $megabytes } MB。压缩一下再发吧。[{ $code }]
error-picture-heic = 看不懂 HEIC/AVIF 格式的图片。请存成 JPG 再发，或者截张图发过来。[{ $code }]
error-picture-unknown = 这不是能识别的图片。请发 JPG、PNG、WebP 或 GIF。[{ $code }]
error-picture-unreadable = 画架读不了图片 { $path }，没有画。运行画架的账号要能读它：换个位置，或改改权限。[{ $code }]
error-picture-expired = 图片链接已经失效了。请把图重新发一遍再试。[{ $code }]
error-picture-private = 图片链接指向内部网络，出于安全没有打开。请直接发图片。[{ $code }]
error-picture-fake-ip = 图片没取到：这台机器的代理把图片地址解析成了假地址。请联系机器人主人开启 allow_fake_ip。[{ $code }]
error-picture-download = 图片没下载成功。请把图重新发一遍再试。[{ $code }]
error-avatar = 头像没取到，没法拿它来画。把图和命令一起发，或引用一张图再发命令。[{ $code }]
error-picture-side = 图片太长或太宽了，每边最多 { $side } 像素。缩小一点再发吧。[{ $code }]
error-picture-pixels = 这张图要先转正或转换格式，可是像素太多，最多 { $megapixels }00 万像素。缩小一点再发吧。[{ $code }]
error-picture-truncated = 图片不完整，可能没传完。请重新发一遍。[{ $code }]
error-picture-empty = 图片是空的，里面什么也没有。请换一张再发。[{ $code }]
error-too-many-pictures = 图片太多了，一次最多 { $max } 张。少放几张再试试吧。[{ $code }]

## 结果

error-interrupted = 画到一半程序重启了，不知道画好没有，可能已经扣费。想要的话请再发一次命令。[{ $code }]
error-interrupted-free = 画到一半程序重启了。想要的话请再发一次命令。[{ $code }]
error-task-unknown = 请求发出之后断了联系，不知道对方收没收到，可能已经扣费，所以没有再发一遍。想要的话请再发一次命令。[{ $code }]
error-task-unknown-free = 请求发出之后断了联系，不知道对方收没收到。想要的话请再发一次命令。[{ $code }]
error-task-late = 等了很久还没做完，不再等了，可能已经扣费。请稍后再试。[{ $code }]
error-task-late-free = 等了很久还没做完，不再等了。请稍后再试。[{ $code }]
error-task-key-gone = 这个任务是用密钥 { $key } 下的单，但它已经不在配置里，取不回结果。请联系机器人主人把它加回来。[{ $code }]
error-task-provider-gone = 这个任务是“{ $provider }”接的单，但它已经不在配置里，取不回结果。请联系机器人主人把它加回来。[{ $code }]
error-clip-lost = 视频做好了，但没能取回来，可能已经扣费。想要的话请再发一次命令。[{ $code }]
error-clip-lost-free = 视频做好了，但没能取回来。想要的话请再发一次命令。[{ $code }]
error-clip-empty = 视频服务回复了，却没给视频。换个说法再试试吧。[{ $code }]
error-clip-not-delivered = 视频做好了，但没能发出来。发 { $prefix }重发图片 再试一次吧。[{ $code }]
error-not-delivered = 图画好了，但没能发出来。发 { $prefix }重发图片 再试一次吧。[{ $code }]
error-internal = 程序内部出了点问题，这次没成功。请再试一次；还不行就把末尾的代码告诉机器人主人。[{ $code }]
error-storage = 画架的数据目录读写出了问题，这次没成功。请联系机器人主人检查磁盘空间和权限。[{ $code }]
error-unsure = 图画好也发了，但对面没有回应，不知道你收到没有。没看到的话，发 { $prefix }重发图片{ $job ->
        [0] {""}
       *[other] {" "}{ $job }
    } 就能取出来，不会再扣费。[{ $code }]
error-clip-unsure = 视频做好也发了，但对面没有回应，不知道你收到没有。没看到的话，发 { $prefix }重发图片{ $job ->
        [0] {""}
       *[other] {" "}{ $job }
    } 就能取出来，不会再扣费。[{ $code }]
error-overdue = 程序或机器人账号离线了一阵子，排队的这个任务已经过时，没有开始做。还想要的话请再发一次命令。[{ $code }]
error-stopping = 画架正在重启，暂时不接新任务。过一会儿再来吧。[{ $code }]
error-unknown-preset = 预设“{ $preset }”已经被删掉了。换一个预设再试试吧。[{ $code }]
error-size = 看不懂尺寸“{ $size }”。请写 2048x1152、16:9 或 2K。[{ $code }]
error-silenced = 机器人在本群被禁言或移出了，没有画，也没有扣费。[{ $code }]
error-quote-gone = 引用的那条消息取不到了，没有开始画。请把图重新发一遍再试。[{ $code }]
