### 导入其他程序的配置时说的话，也用作新文件里的注释。

## 结果

import-title = 已读取 { $file }，对应关系（旧 → 新）：
import-skipped-title = 没有带过来的：
import-skipped = {"  "}{ $key }：{ $why }
import-notes-title = 请留意：
import-note = {"  "}! { $note }
import-written = 新配置已写入 { $path }。里面有密钥，只有你能读取。
import-next = 先检查：easel check --config { $path }；再启动：easel --config { $path }（或改名为 config/easel.toml）。
import-next-mend = 请先按上面的提示修改 { $path }，再运行 easel check --config { $path }。

## 读不了、写不了

import-missing = 没有找到文件 { $file }。AstrBot 的插件配置在 data/config 目录里，名字以 _config.json 结尾。
import-unreadable = 读不了 { $file }：{ $detail }
import-large = { $file } 太大，不像是插件配置。请选 AstrBot 的 data/config 目录里以 _config.json 结尾的文件。
import-not-json = { $file } 不是有效的 JSON：第 { $line } 行第 { $column } 列有错。请选 AstrBot 的 data/config 目录里以 _config.json 结尾的文件。
import-no-object = { $file } 里不是一份配置：最外层应是一对花括号。
import-unknown = { $file } 里没有认识的键，不是这些画图插件的配置。请选 AstrBot 的 data/config 目录里对应插件的文件。
import-exists = { $path } 已经存在，不会覆盖。请换个名字：--output 新文件.toml
import-unwritable = 写不了 { $path }：{ $detail }

## 新文件里的注释

import-file-head = 由 easel import astrbot 从 { $file } 导入。`easel check` 会检查并说明如何修正。
import-file-secret = 里面有密钥，不要发给别人。
import-file-onebot = 让 NapCat、LLOneBot 或 Lagrange 以反向 WebSocket 连接 ws://127.0.0.1:6199/ws
import-file-rest = 以下各项没有对应的设置：

## 提醒

import-note-retired = 服务商“{ $provider }”的模型 { $model } 已停用或即将停用（原厂日期 { $date }），建议把 model 换成 { $replacement }。这里保留原样，因为有的中转站仍在提供。
import-note-retired-undated = 服务商“{ $provider }”的模型 { $model } 在原厂已经不能用了，建议把 model 换成 { $replacement }。
import-note-retired-alone = 服务商“{ $provider }”的模型 { $model } 在原厂已停用（{ $date }），没有替代；有的中转站仍在提供。
import-note-xai-chat = 服务商“{ $provider }”：api.x.ai 的对话接口不出图，建议把 kind 改成 "grok"，model 改成 grok-imagine-image。
import-note-model = 旧配置没有写模型，服务商“{ $provider }”先用 { $model }。
import-note-streams = 服务商“{ $provider }”只会用流式回应，所以写了 extra.stream = true。
import-note-draws-only = 服务商“{ $provider }”只有画图的地址，所以写了 supports_edit = false。它也能改图的话，把另一个地址写成单独一节。
import-note-references = [selfie] 的 reference_images 里的图还在 AstrBot 的目录里：复制到画架读得到的地方，再改成新的路径。这个版本还不会画自拍。
import-note-no-provider = 没有可用的服务商，所以先用内置的离线草图。请补上密钥，去掉对应几行开头的 #。

## 为什么没有带过来

import-why-unknown = 不认识这个键
import-why-unreadable = 值读不懂
import-why-second = 和 { $first } 说的是同一件事，以 { $first } 为准
import-why-placeholder = 只是占位文字，不是密钥
import-why-unused = 没有密钥，也没有用到
import-why-no-key = 没有密钥；填上 api_keys 后去掉每行开头的 #
import-why-no-model = 没有写模型；填上 model 后去掉每行开头的 #
import-why-no-address = 没有可用的地址；填上 base_url 后去掉每行开头的 #
import-why-refused = { $key } 的值用不了；改好后去掉每行开头的 #
import-why-anonymous = 匿名的 Vertex AI 冒充浏览器访问，违反对方条款，画架不提供；请申请 Gemini 密钥，用 kind = "gemini_native"
import-why-template = 没有与“{ $template }”对应的类型
import-why-no-template = 没有写 __template_key，不知道是哪种服务
import-why-no-switch = 画架里没有单独的开关
import-why-fallback-off = 旧配置关闭了备用服务商
import-why-chain-unknown = 没有名为“{ $provider }”的服务商
import-why-chain-off = 服务商“{ $provider }”现在用不了
import-why-chain-edits-only = 服务商“{ $provider }”只有改图的地址，不能画图
import-why-chain-twice = 服务商“{ $provider }”已经在前面
import-why-size = 不是有效的尺寸或比例
import-why-mode = 只能是 none、whitelist 或 blacklist
import-why-preset-form = 要写成“名字:提示词”
import-why-proxy-off = 代理是关闭的
import-why-proxy-empty = 打开了代理却没有地址
import-why-proxy-bad = 不是有效的代理地址；在 proxy 里写 http://、https://、socks5:// 或 socks5h:// 开头的地址
import-why-reserved = 这是请求本身的内容，不能另外设置
import-why-same-machine = 在同一台机器上，不需要
import-why-label = 画架只用服务商的名字
import-why-draws-only = 没有 full_edit_url，所以不能改图
import-why-encoding = 画架原样发送图片，不重新编码
import-why-polling = 这种服务直接返回结果，没有任务要轮询
import-why-pauses = 画架自己决定等多久、是否再试
import-why-streaming = 没有写 extra.stream = true 就不用流式
import-why-streaming-always = 这家只会用流式回应
import-why-streaming-kind = 这个类型没有流式开关
import-why-network = 画架有自己的网络保护
import-why-private = 要允许内网地址，请在 [network] allow_hosts 里逐个写出
import-why-clip-cache = 视频发出后不长期保存
import-why-one-clip = 每人同时只做一个视频
import-why-batch = 画架用 [jobs] 统一控制数量
import-why-tool = 属于 AstrBot 的大模型工具
import-why-selfie-prompt = 没有对应的设置，可以写成 [presets.名称]
import-why-selfie-own = 画架自己决定
import-why-selfie-off = 自拍是关闭的，所以没有写 [selfie]
import-why-video-off = 视频是关闭的，所以没有写 [video]
import-why-host = 属于宿主程序，与画图无关
import-why-talks = 这是聊天用的模型
