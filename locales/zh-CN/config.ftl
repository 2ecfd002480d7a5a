### 配置文件与 easel check 的文字。每条“…-mend”说明如何修正。

## 文件

config-file-missing = 找不到配置文件 { $file }。
config-file-missing-mend = 检查 --config 后的路径；不带 --config 时使用 config/easel.toml。
config-file-emptied = 配置文件 { $file } 变成空的了，可能是没存好。
config-file-emptied-mend = 重新保存一遍；真想全用默认设置，就写一行 # 开头的注释，或重启。
config-file-gone = 配置文件 { $file } 不见了。
config-file-gone-mend = 放回 { $file }；真想全用默认设置，就重启。
config-file-large = 配置文件 { $file } 大得不像配置文件（超过 4 MiB）。
config-file-large-mend = 检查 --config 是否指向了别的文件。
config-file-not-text = 配置文件 { $file } 不是 UTF-8 文本。
config-file-not-text-mend = 用编辑器以 UTF-8 编码重新保存。
config-file-unreadable = 无法读取配置文件 { $file }：{ $detail }
config-file-unreadable-mend = 检查它是不是文件，以及运行 easel 的账户能否读取。
config-syntax = TOML 语法错误：{ $detail }
config-syntax-mend = 文本要加引号，每行一个 键 = 值，列表写在 [ ] 里。

## 键与值

config-unknown-key = 没有名为 { $key } 的键。
config-nearest-key = 是不是 { $nearest }？
config-unknown-key-mend = 删掉它，或改为其中之一：{ $known }。
config-unknown-key-mend-none = 删掉它。
config-missing-key = 缺少键 { $key }。
config-missing-key-mend = 补上 { $key } = …。
config-wrong-type = 这里应是{ $expected }，写的却是{ $found }。
config-wrong-type-mend = 按要求的类型重写这个值。
config-wrong-type-mend-quote = 给它加上引号。
config-wrong-type-mend-unquote = 去掉引号，直接写值。
config-wrong-type-mend-list = 写成列表：{ $value }
config-wrong-type-mend-whole = 写成整数，不加引号，例如 { $example }。
config-wrong-type-mend-flag = 写 true 或 false，不加引号。
config-kind-text = 文本
config-kind-integer = 整数
config-kind-number = 数字
config-kind-flag = 真假值（true 或 false）
config-kind-list = 列表
config-kind-table = 表
config-kind-date = 日期
config-wrong-word = { $value } 不在可选值之中。
config-wrong-word-mend = 可选：{ $words }。
config-nearest-word = 是不是 "{ $nearest }"？
config-too-small = { $value } 太小，至少为 { $least }。
config-too-small-mend = 改为 { $least } 或更大。
config-too-large = { $value } 太大，最多为 { $most }。
config-too-large-mend = 改为 { $most } 或更小。
config-invalid = 这个值不能用：{ $detail }
config-invalid-secret = 这个密钥的写法不对。
config-invalid-mend = 参照 config/easel.toml 里的示例改写。

## 环境变量与密钥文件

config-env-not-utf8 = 这个环境变量的值不是 UTF-8 文本。
config-env-index = 列表里没有第 { $index } 项，也不能跳着添加。
config-env-index-mend = 序号从 0 开始，下一个可用的是 { $next }。
config-env-unreadable = 读不懂这个环境变量的值。
config-env-unreadable-mend = 写成{ $form }。
config-env-form-list = 逗号分隔的 a, b 或 JSON 列表
config-env-form-flag = true 或 false
config-env-form-integer = 整数
config-env-form-number = 数字
config-env-form-table = JSON 对象
config-secret-twice = { $secret } 与 { $file } 同时存在。
config-secret-twice-mend = 只留一个；密钥放在文件里时删掉 { $secret }。
config-secret-file-unreadable = 无法读取密钥文件 { $file }：{ $detail }
config-secret-file-large = 密钥文件 { $file } 大得不像密钥（超过 64 KiB）。
config-secret-file-empty = 密钥文件 { $file } 是空的。
config-secret-file-mend = 检查 { $file }；相对路径从工作目录算起。

## 各节的规则

config-data-dir-empty = 数据目录是空的。
config-data-dir-empty-mend = 写上目录，例如 data_dir = "data"。
config-prefix-blank = 命令前缀不能为空，也不能含空格，否则闲聊都会被当成命令。
config-prefix-blank-mend = 删掉它；不要前缀时写 prefixes = []。
config-admin-form = 主人 { $value } 不是一个“平台:号码”。
config-admin-form-mend = 写成 平台:号码，中间不留空格，一项只写一个，例如 "onebot:10001"。
config-chain-and-provider = chain 与 { $other } 只能用一种。
config-chain-and-provider-mend = 删掉 { $other }，把所有名字按顺序写进 chain。
config-fallback-without-provider = 有备用服务商，却没有首选。
config-fallback-without-provider-mend = 补上 provider = "…"。
config-provider-name-empty = 服务商的名字是空的。
config-provider-name-empty-mend = 写上 [providers.名字] 里的名字，或删掉这一行。
config-provider-twice = 服务商 { $provider } 写了两次，第二次不会有用。
config-provider-twice-mend = 删掉其中一个 { $provider }。
config-unknown-profile = 没有 [profiles.{ $profile }]。
config-unknown-profile-mend = 写一个 [profiles.{ $profile }]，或删掉这一行。
config-profile-kind = [profiles.{ $profile }] 以 { $base } 为基础，而这个服务商的 kind 是 { $kind }。
config-profile-kind-mend = 把 kind 改成 "{ $base }"，或在 [profiles.{ $profile }] 里写 based_on = "{ $kind }"（只能是 openai_images 或 openai_chat）。
config-unknown-provider = 没有名为 { $provider } 的服务商。
config-unknown-provider-mend = 添加 [providers.{ $provider }]，或改用已有的名字。
config-nearest-provider = 是不是 "{ $nearest }"？
config-provider-unused = 配置了服务商 { $provider }，但 [draw] 和 [edit] 都没有用它。
config-provider-unused-mend = 在 [draw] 里写 provider = "{ $provider }"。
config-not-in-this-build = 这个版本还没有 [{ $section }] 的功能，这一节不起作用。
config-not-in-this-build-mend = 可以留着；升级到带有它的版本后生效。
config-listen-twice = 两个 [[onebot]] 都在监听 { $value }。
config-listen-twice-mend = 一个反向连接可供多个账号使用，删掉一节，或换一个端口。

config-bad-network-proxy = 看不懂这个代理地址。
config-bad-network-proxy-mend = 写成 http://、https://、socks5:// 或 socks5h:// 开头的地址，例如 socks5h://127.0.0.1:7890；不用代理就留空。
config-bad-network-download-proxy = 看不懂这个代理地址。
config-bad-network-download-proxy-mend = 写成 http://、https://、socks5:// 或 socks5h:// 开头的地址，例如 socks5h://127.0.0.1:7890；不用代理就留空。
config-bad-network-allow-hosts = { $value } 不是主机、地址或网段。
config-bad-network-allow-hosts-mend = 写成 nas.lan、nas.lan:8080、192.168.1.5 或 192.168.1.0/24，不带 http:// 和路径。
config-bad-network-max-download-bytes = 0 会拒绝所有图片。
config-bad-network-max-download-bytes-mend = 写字节数，一般为 20971520。
config-bad-network-max-answer-bytes = 0 会拒绝所有图片。
config-bad-network-max-answer-bytes-mend = 写字节数，一般为 67108864。
config-bad-onebot-access-token = 监听地址能被其他机器访问，却没有设置令牌。
config-bad-onebot-access-token-mend = 设置 access_token，并在 NapCat 等实现里填写同样的令牌；只在本机使用时监听 127.0.0.1。
config-bad-onebot-call-timeout-seconds = 调用时限 { $value } 秒不能用。
config-bad-onebot-call-timeout-seconds-mend = 写 1 或更大，一般为 10。
config-bad-onebot-listen = { $value } 不是监听地址。
config-bad-onebot-listen-mend = 写成 主机:端口，例如 127.0.0.1:6199。
config-bad-onebot-max-frame-bytes = 单条消息上限 { $value } 字节会拒绝普通消息。
config-bad-onebot-max-frame-bytes-mend = 至少 65536，一般为 33554432。
config-onebot-no-links = image_delivery = "url" 要有能发布图片的网页服务，这个版本还没有，会改用 base64 和 stream。
config-onebot-no-links-mend = 写成 image_delivery = "auto"。
config-bad-onebot-nap-server-address = image_delivery = "napfile" 需要文件接收端的主机。
config-bad-onebot-nap-server-address-mend = 写上它的地址（localhost 表示不用），或改回 image_delivery = "auto"。
config-bad-onebot-nap-server-port = 端口不能为 0。
config-bad-onebot-nap-server-port-mend = 写 1 到 65535，一般为 3658。
config-bad-onebot-path = 路径 { $value } 要以斜杠开头。
config-bad-onebot-path-mend = 写成 /ws 这样，或留空表示任意路径。
config-bad-onebot-url = 这种连接方式不能用地址“{ $value }”。
config-bad-onebot-url-mend = 写 OneBot 实现的地址：forward 用 ws:// 或 wss://（不带 /event、/api），http 用 http:// 或 https://。

config-bad-providers-api-keys = 服务商没有密钥。
config-bad-providers-api-keys-mend = 写 api_keys = ["…"]（服务商给你的密钥），或用 api_keys_file。
config-bad-providers-base-url = “{ $value }”不是服务的地址。
config-bad-providers-base-url-mend = 写成 https://主机 或 https://主机/v1；账号密码写在 basic_auth 里。
config-bad-providers-basic-auth = basic_auth 的写法不对。
config-bad-providers-basic-auth-mend = 写成 "用户:密码"。
config-bad-providers-extra = 这个字段由请求本身决定，不能写在 extra 里。
config-bad-providers-extra-mend = 删掉它。
config-bad-providers-extra-form = 这个类型没有 { $value } 这种形式。
config-bad-providers-extra-form-mend = 换成这个类型有的形式（见 config/providers.example.toml），或者删掉它。
config-bad-providers-max-retry-attempts = 每把密钥的尝试次数不能是 { $value }；它包含第一次，1 就是不重试。
config-bad-providers-max-retry-attempts-mend = 写 1 到 10，一般为 3。
config-bad-providers-model = 没有写模型。
config-bad-providers-model-mend = 写上服务商那里的模型名，例如 model = "gpt-image-2"。
config-bad-providers-prices = 价格的名字只能是 generate、edit、clip，可加 @1K、@2K、@4K；价格应是不小于 0 的数字。
config-bad-providers-prices-mend = 在 [providers.名字.prices] 下写 generate = 0.04 或 "edit@4K" = 0.12。
config-bad-providers-proxy = 看不懂这个代理地址。
config-bad-providers-proxy-mend = 写成 http://、https://、socks5:// 或 socks5h:// 开头的地址；留空使用 [network] proxy，"direct" 表示不用代理。
config-bad-providers-timeout-seconds = 等待时限不能是 { $value } 秒。
config-bad-providers-timeout-seconds-mend = 写 1 到 3600，一般为 300。
config-bad-providers-task-timeout-seconds = 任务的等待时限不能是 { $value } 秒。
config-bad-providers-task-timeout-seconds-mend = 写 10 到 86400；不写就是图片 600、视频 1800。
config-bad-providers-full-url = 这个类型要到别的地址查询任务，不能用 full_url。
config-bad-providers-full-url-mend = 删掉 full_url，base_url 写服务的根地址。
config-kind-missing = 没有写服务商的类型。
config-kind-unknown = 没有 { $value } 这种服务商类型。
config-kind-mend = 可用的类型：{ $kinds }。
config-base-url-endpoint = base_url 里写了完整的接口路径，{ $path } 已被去掉。
config-base-url-endpoint-mend = 只写到主机或 /v1；要原样使用时写 full_url = true。
config-base-url-scheme = base_url 没有写 http:// 或 https://，按 { $scheme }:// 使用。
config-base-url-scheme-mend = 在前面加上 { $scheme }://。
config-base-url-query = base_url 里 ? 或 # 之后的部分已被去掉。
config-base-url-query-mend = 删掉 ? 或 # 之后的部分。

## easel check

check-config-good = { $path } 没有问题。
check-data-dir = 数据目录 { $dir } 可写，剩余 { $free }。
check-disk-full = 数据目录 { $dir } 所在的磁盘满了。
check-disk-full-mend = 腾出空间，或用 --data-dir 换到别的磁盘。
check-data-dir-unwritable = 数据目录 { $dir } 不可写：{ $detail }
check-data-dir-unwritable-mend = 让运行 easel 的账户可以写它，或用 --data-dir 换一个目录。
check-disk-low = 数据目录 { $dir } 所在磁盘只剩 { $free }。
check-disk-low-mend = 腾出空间，或调小 [bot] artifact_max_bytes。
check-access-open = 所有群和私聊都能使用。
check-access-filtered = 按名单限制使用。
check-onebot-free = 可以监听 { $address }。
check-onebot-served = 正在运行的 easel 监听着 { $address }。
check-onebot-in-use = { $address } 已被别的程序占用。
check-onebot-in-use-mend = 停掉那个程序，或在 [[onebot]] 里换一个端口（并改 OneBot 实现里的地址）。
check-onebot-unlistenable = 无法监听 { $address }：{ $detail }
check-onebot-unlistenable-mend = 改用本机拥有的地址，例如 127.0.0.1:6199。
check-onebot-reached = { $address } 有 OneBot 实现在接听。
check-onebot-unreached = 连不上 { $address }：{ $detail }
check-onebot-unreached-mend = 启动 OneBot 实现（NapCat 等）并核对地址；easel 会一直重试。
check-provider-good = { $host } 有应答，密钥可用（{ $kind }）。
check-provider-offline = 内置，不联网。
check-provider-answers = { $host } 有应答（{ $kind }，{ $status }），但没有给出模型列表。
check-provider-refused = { $host } 拒绝了密钥（{ $status }）。
check-provider-refused-mend = { $origin ->
    [environment] 核对 { $pair }_API_KEY：是否过期、是否属于 { $pair }_BASE_URL 这个地址。
   *[section] 核对 [providers.{ $provider }] 的 api_keys：是否过期、是否属于这个 base_url。
    }
check-provider-unreached = 连不上 { $host }：{ $detail }
check-provider-unreached-mend = { $origin ->
    [environment] 核对 { $pair }_BASE_URL 和网络；需要代理时设 EASEL__NETWORK__PROXY="http://…"。
   *[section] 核对 [providers.{ $provider }] 的 base_url 和网络；需要代理时写 [network] proxy。
    }
check-chosen-configured = { $count ->
        [1] 使用 { $providers }
       *[other] 依次使用 { $providers }
    }；可能产生费用。
check-chosen-environment = 使用环境变量 { $name }_BASE_URL 与 { $name }_API_KEY 的服务；可能产生费用。
check-chosen-sketch = 使用内置的离线草图，免费。
check-edit-nobody-mend = 在 [edit] 里写一家能改图的，比如 gemini_native。
check-edit-nobody = { $providers } 都不收图片，没法改图。
check-draw-nobody-mend = 在 [draw] 里写一家会画图的；做视频的写在 [video] 里。
check-draw-nobody = { $providers } 都不会按文字画图。
check-video-no-clips = { $providers } 都不会做视频。
check-video-no-clips-mend = 在 [video] 里写上会做视频的服务商，或者删掉这一节。
check-network-good = 域名解析正常。
check-network-fake-ip = 域名被解析到 198.18.0.0/15（Clash、Mihomo、Surge 的 TUN 模式），群友发的图片链接会被拒绝。
check-network-fake-ip-mend = 写 [network] allow_fake_ip = true。
check-network-no-names = 无法解析域名：{ $detail }
check-network-no-names-mend = 检查网络和 DNS。
check-key-ready = 密钥 { $key } 可用。
check-key-disabled = 密钥 { $key } { $since }被服务商拒绝{ $status ->
        [0] {""}
       *[other] （{ $status }）
    }，已停用。
check-key-disabled-mend = 在 api_keys 里换一个。账号已经恢复正常的话：easel keys reset { $provider }
check-key-quota = 密钥 { $key } { $since }用完了账号额度{ $status ->
        [0] {""}
       *[other] （{ $status }）
    }，{ $rest }后会再试。
check-key-quota-mend = 给账号充值。想马上再试：easel keys reset { $provider }
check-key-cooling = 密钥 { $key } 正在休息{ $status ->
        [0] {""}
       *[other] （{ $status }）
    }，{ $rest }后继续使用。
check-key-cooling-mend = 不用处理；经常这样就添加其他账号的密钥。想马上再试：easel keys reset { $provider }
check-store-good = 数据库可以打开。
check-store-absent = 还没有数据库，首次运行时建立。
check-store-notice = 打开数据库时发现：{ $detail }
check-store-bad = 数据库打不开：{ $detail }
check-store-bad-mend = 按提示处理；备份在数据目录的 backups 里，用 easel restore 恢复。

## easel backup / restore

keys-none = 没有任何服务商配置了密钥。
keys-reset = { $count ->
        [0] 没有停用的密钥。
       *[other] { $count } 个密钥重新启用。
    }
keys-unknown-provider = 配置里没有服务商 { $provider }。现有：{ $names }。
keys-store-failed = 数据目录打不开：{ $detail }
backup-failed = 备份失败：{ $detail }
restore-state = 它是 { $date } 的状态，共 { $records } 条记录。
backup-no-data = 没有数据目录 { $dir }，没有可备份的内容；用 --data-dir 指明目录。
restore-closed-jobs = 备份时未完成的 { $count } 个任务已记为结果不明，不会重做或重发。
restore-kept = 原来的数据保留在 { $dir }。
restore-failed = 恢复失败：{ $detail }
control-failed = 正在运行的 easel 没有正常应答：{ $detail }
