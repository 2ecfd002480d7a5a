### 给部署者看的话：启动、检查、配置和命令行。

## 启动

start-title = 画架 easel { $version }
start-config = 配置文件：{ $path }
start-config-missing = 没有找到配置文件 { $path }，全部使用默认设置。
start-data = 数据目录：{ $path }
start-listening-ws = 正在等待 OneBot 反向 WebSocket 连接：ws://{ $address }（路径 { $paths }）
start-listening-http = 正在接收 OneBot HTTP 上报：http://{ $address }
start-dialing = 正在连接 OneBot：{ $url }
start-no-platform = 没有配置任何聊天平台，目前只能在命令行使用：easel draw "描述" -o 图片.png
start-engine = { $feature }由“{ $provider }”完成（模型 { $model }），会调用付费接口，可能产生费用。
start-engine-free = { $feature }由“{ $provider }”完成（模型 { $model }），运行在你自己的机器或网络里，不按张收费。
start-engine-env = 没有配置服务商，使用环境变量 { $variable } 里的接口（模型 { $model }），可能产生费用。
start-engine-env-asking = 没有配置服务商，使用环境变量 { $variable } 里的接口，正在问它有哪些模型，可能产生费用。
start-engine-model = { $variable } 里的接口用模型 { $model }。
start-half-pair = 看到了 { $found }，但没有 { $missing }，所以没有用它。{ $usual ->
    [no] 补上 { $missing } 就能用。
   *[other] 用官方接口就设 { $missing }={ $usual }
    }
start-engine-sketch = 没有配置服务商，先用内置的离线草图，不联网、不花钱。想要真正的 AI 画图，在 { $path } 里添加 [providers.名称]。
start-fallbacks = 主服务商失败时，依次改用：{ $names }
start-next-napcat = 下一步：在 NapCat 的“网络配置”里新建“WebSocket 客户端”，地址填 { $url }，消息格式选 Array，保存并启用。
start-next-token = 令牌（token）要和配置里的 access_token 一致。
start-next-try = 连上后，在群里发送：{ $example }
start-resumed = 上次停止时没做完的任务：继续 { $resumed } 个，因可能已扣费而停止 { $interrupted } 个。
stop-draining = { $count ->
        [0] 正在停止。再按一次 Ctrl+C 立即退出。
       *[other] 正在停止：等待 { $count } 个任务收尾。再按一次 Ctrl+C 立即退出。
    }
stop-done = 已停止，数据都已保存。

start-failed-port = { $address } 已被占用，可能已经有一个画架在运行。请先停掉它，或修改 { $key }。
start-failed-locked = 数据目录 { $path } 正被另一个画架使用。请先停掉它，或换一个 data_dir。
start-failed-store = 数据目录 { $path } 里的数据库损坏。可以恢复最近的备份：{ $command }
start-failed-store-no-backup = 数据目录 { $path } 里的数据库损坏，也没有找到备份。请把这个目录改名保存后再启动，会重新建立。
start-failed-storage = 数据目录 { $path } 写不进去：{ $reason }。请检查磁盘和权限。

start-failed-full = 数据目录 { $path } 所在的磁盘满了。腾出空间后再启动。
start-failed-network = 数据目录 { $path } 在网络文件系统（{ $kind }）上，那里的文件锁不可靠。请换成本地磁盘上的目录。
start-failed-newer = 数据目录 { $path } 是更新版本的 easel 写的。请装回那个版本，或恢复这个版本做的备份。

store-replaced = 数据库打不开，已从快照 { $snapshot } 恢复，坏的移到了 { $moved }。快照之后改的设置没有了，任务记录是全的。
store-loss = 数据库可能损坏过，丢了一些记录，又没有快照可以恢复。请检查用聊天命令改过的设置（白名单等）。
store-loss-snapshot = 数据库可能损坏过，丢了一些记录。请检查用聊天命令改过的设置（白名单等），或者停掉画架，用 { $command } 恢复。
store-torn = 上次关机时日志的最后一行只写了一半，已经去掉；确认过的内容都在。
store-bad-lines = 日志里有 { $count } 行损坏，已经跳过。请检查磁盘。
store-restore-finished = 上次没做完的恢复已经做完。
store-left-over = 清理了 { $count } 个没写完的临时文件，没有丢东西。
store-compacted = 数据库整理过了，占的空间小了。
store-migrated = 数据目录已升级到这个版本的格式。

### 系统给出的原因

cause-disk-full = 磁盘满了，请腾出空间
cause-read-only = 文件系统是只读的
cause-no-permission = 没有权限
cause-unknown-name = 找不到这个主机名
cause-refused = 对方拒绝连接，那里没有程序在监听
cause-timed-out = 等了很久没有回应
cause-tls = 加密连接（TLS）没能建立
cause-proxy = 代理没能连上
cause-no-route = 网络不通
cause-address-in-use = 这个地址已被占用
cause-no-such-file = 没有这个文件或目录

## 配置

config-problems-title = { $path } 里有 { $count } 处需要修改：
config-problem-line = { $place }　{ $key }：{ $problem }
config-problem-mend = 　→ { $mend }
config-reloaded = 配置已更新，立即生效：{ $keys }。
config-mended = 配置文件又可以用了，内容和正在用的一样。
config-reload-broken = 配置有 { $count } 处错误，继续使用之前的配置。
config-restart-needed = { $key } 的修改要重启后才生效。

config-list-entry = “{ $value }”不是有效的编号。
config-list-entry-mend = 不要写成“{ $value }”，请写 "onebot:123456"，或只写 "123456" 表示所有平台。
config-unknown-platform-mend = 改用其中之一：{ $platforms }；QQ 是 onebot，例如 "onebot:123456"。
config-unknown-platform = 没有 { $platform } 这个平台，这一条对谁都不起作用。
config-period-zero = 时段长度不能是 0 秒。
config-period-zero-mend = 至少填 1；想取消限制，把次数设为 0。
config-direct-users-blacklist = user_filter_list 现在是黑名单，无法同时表示谁可以私聊。
config-direct-users-blacklist-mend = 把 direct_chats 改为 "everyone" 或 "admins"，或者改用用户白名单。
config-preset-name-empty = 预设名或别名“{ $value }”是空的。
config-preset-name-empty-mend = 给“{ $value }”换一个看得见的名字，或删掉它。
config-preset-name-verb = “{ $value }”是内置命令，不能用作预设名。
config-preset-name-verb-mend = 给“{ $value }”换个名字。
config-preset-name-taken = “{ $value }”已经是另一个预设的名字。
config-preset-name-taken-mend = 给其中一个“{ $value }”换个名字。
config-preset-prompt-empty = 预设没有提示词。
config-preset-prompt-empty-mend = 填写 prompt；用 { "{prompt}" } 标出用户文字的位置。
config-output-form = “{ $value }”不是有效的尺寸或比例。
config-output-form-mend = 不要写成“{ $value }”，请写比例（16:9）、像素（2048x1152）、档位（1K、2K、4K），或比例加档位（16:9 2K）。

## 检查

check-title = 检查 { $path }
check-ok = ✓ { $what }
check-warning = ! { $what }：{ $why }
check-failed = ✗ { $what }：{ $why }
check-mend = 　→ { $mend }
check-summary-ok = 全部正常，可以启动。
check-running-jobs = 正在画 { $running } 个，排队 { $waiting } 个。
check-running-good = 正常。
check-running-bad = 最近一次失败：{ $detail }
check-summary = 正常 { $ok } 项，提醒 { $warnings } 项，失败 { $failed } 项。
check-running = 画架正在运行，以下是它的情况。
check-probe-nothing = 配置和环境变量里都没有服务商，没什么可测的。从 config/providers.example.toml 里抄一段到你的配置里吧。
check-probe-nobody = 没有叫“{ $provider }”的服务商。现有：{ $names }。
check-probe-nobody-near = 没有叫“{ $provider }”的服务商。是不是“{ $nearest }”？
check-probe-nobody-at-all = 没有叫“{ $provider }”的服务商，别的也没有：配置里没有 [providers.名字]，环境变量里也没写。从 config/providers.example.toml 里抄一段到你的配置里吧。
check-probe-part-key = {" "}{ $key }{" "}
check-probe-part-key-of = {" "}{ $key }（{ $account }）
check-probe-part-status = （HTTP { $status }）
check-probe-part-detail = ：{ $detail }
check-probe-part-end = 。
check-probe-reached = { $host } 有回应。
check-probe-key-good = 密钥{ $named }可用。
check-probe-key-unproven = 密钥{ $named }在这家没法免费验证，画一张才知道。
check-probe-key-refused = 密钥{ $named }被拒{ $status }{ $detail }
check-probe-key-refused-mend = { $origin ->
    [environment] 换成正确的：{ $pair }_API_KEY="…"
   *[section] 在 [providers.{ $provider }] 的 api_keys 里把 { $key } 换成正确的（指纹和 `easel keys` 里的一样）。
    }
check-probe-key-empty = 密钥{ $named }的账号没有额度了{ $status }{ $detail }
check-probe-key-empty-mend = { $origin ->
    [environment] 给账号充值，或者换一个别的账号的密钥：{ $pair }_API_KEY="…"
   *[section] 给账号充值，或者在 [providers.{ $provider }] 的 api_keys 里加一个别的账号的密钥。
    }
check-probe-key-troubled = 用密钥{ $named }询问失败（{ $class ->
    [rate] 请求太频繁
    [overload] 服务不可用或过载
    [unanswered] 没有回应
    [not_found] 没有这个接口
   *[other] { $class }
    }）{ $status }{ $detail }
check-probe-key-troubled-mend = { $origin ->
    [environment] 过一分钟再试。一直这样的话，去问 { $pair }_BASE_URL 这家服务商。
   *[section] 过一分钟再试。一直这样的话，去问 [providers.{ $provider }] 这家服务商。
    }
check-probe-refused-without = { $host } 要求认证，或者认证不对{ $status }{ $detail }
check-probe-refused-without-mend = { $origin ->
    [environment] 设上服务商给的密钥：{ $pair }_API_KEY="…"
   *[section] 在 [providers.{ $provider }] 里写上 api_keys = ["…"]，或者 basic_auth = "用户:密码"。
    }
check-probe-model-listed = 模型 { $model } 在列表里。
check-probe-model-missing = 服务商列出的 { $count } 个模型里没有 { $model }。
check-probe-model-missing-mend = { $origin ->
    [environment] 有的服务商不把画图模型放进列表。如果画不出来，设 IMAGE_MODEL="{ $suggestion }"
   *[section] 有的服务商不把画图模型放进列表。如果画不出来，在 [providers.{ $provider }] 里写 model = "{ $suggestion }"
    }
check-probe-model-missing-alone = 服务商列出的 { $count } 个模型里没有 { $model }，也没有看上去会画图的。
check-probe-model-missing-alone-mend = { $origin ->
    [environment] 有的服务商不把画图模型放进列表。如果画不出来，照服务商网页上的写法设 IMAGE_MODEL="…"
   *[section] 有的服务商不把画图模型放进列表。如果画不出来，照服务商网页上的写法改 [providers.{ $provider }] 的 model。
    }
check-probe-no-list = 服务商没有模型列表，有没有 { $model } 画一张才知道。
check-probe-model-retired = { $when ->
    [past] 模型 { $model } 已经停用。
    [gone] 模型 { $model } 已于 { $until } 停用。
   *[soon] 模型 { $model } 将于 { $until } 停用。
    }
check-probe-model-retired-mend = { $origin ->
    [environment] 设 IMAGE_MODEL="{ $replacement }"
   *[section] 在 [providers.{ $provider }] 里写 model = "{ $replacement }"
    }
check-probe-model-ended = { $when ->
    [past] 模型 { $model } 已经停用，没有替代的。
    [gone] 模型 { $model } 已于 { $until } 停用，没有替代的。
   *[soon] 模型 { $model } 将于 { $until } 停用，没有替代的。
    }
check-probe-model-ended-mend = { $origin ->
    [environment] 请换一家服务商（{ $pair }_BASE_URL）。
   *[section] 请另找一家服务商代替 [providers.{ $provider }]。
    }
check-probe-clips = 这家做视频，检查时不会真的做。
check-probe-balance = 密钥{ $named }还剩 { $left } { $unit }。
check-probe-balance-open = 密钥{ $named }没有限额，已用 { $used } { $unit }。
check-probe-balance-empty = 密钥{ $named }还剩 { $left } { $unit }。
check-probe-balance-empty-mend = { $origin ->
    [environment] 先给账号充值，再用 { $pair }_BASE_URL 这家。
   *[section] 先给账号充值，再用 [providers.{ $provider }]。
    }
check-probe-cost-title = 接下来服务商可能会收费：
check-probe-cost = 　{ $provider }（{ $model }）：最多 { $count } 张小图{ $more ->
    [yes] （最后一张只在流式失败时才画）
   *[no] {""}
    }
check-probe-cost-priced = 　{ $provider }（{ $model }）：最多 { $count } 张小图{ $more ->
    [yes] （最后一张只在流式失败时才画）
   *[no] {""}
    }，按你写的价格约 { $price }
check-probe-question = 继续吗？[y/N]
check-probe-declined = 好，只检查了不花钱的部分。
check-probe-no-terminal = 这里没法问你，所以只检查了不花钱的部分。加上 --yes 就连画图、流式和改图一起试。
check-probe-drawing = 正在试 { $provider }，可能要几分钟……
check-probe-draws = 画图正常：{ $seconds } 秒出图。
check-probe-streams = 流式正常：图是从流里收到的。
check-probe-stream-possible = { $origin ->
    [environment] 流式正常：图是从流里收到的。用这两个环境变量时按整张接收，这样就够了。
   *[section] 流式正常：图是从流里收到的。平时按整张接收；如果等久了被代理掐断，在 [providers.{ $provider }] 里写 { $extra ->
        [yes] stream = true，和 extra 里别的字段放一起：extra = {"{"} …, stream = true {"}"}
       *[no] extra = {"{"} stream = true {"}"}
        }
    }
check-probe-stream-whole = 流式：这家没有。要的是流，给的是整张图，画架一样能收。
check-probe-stream-refused = 流式：这家没有。它不支持流式，不用流式就能画。
check-probe-stream-fails = 流式失败{ $status }，不用流式就正常。现在就没开，保持不变即可{ $detail }
check-probe-stream-none = 流式：{ $kind } 的 { $model } 用不上，画架按整张接收。
check-probe-sizes = { $model } 的尺寸：{ $known ->
    [sizes] 只有 { $sizes }，会要最接近的一个。
    [kept] 不能指定形状：跟给它的图一样，没给图就由模型自己定。
    [between] 支持 1:{ $sizes } 到 { $sizes }:1 之间的比例{ $tier ->
        [0] 。
       *[other] ，最大 { $tier }K。
    }
    [ratios] 只有这些形状：{ $sizes }{ $tier ->
        [0] 。
       *[other] ，最大 { $tier }K。
    }
    [tier] 最大 { $tier }K。
   *[open] 没有已知的限制，按群友要的来。
    }
check-probe-corrected = 服务商不接受其中一个参数，画架会自动去掉它。
check-probe-size = 尺寸正常：要 { $size } 就给 { $size }。
check-probe-size-other = 尺寸由服务商自己定：要 { $asked }，给了 { $size }。
check-probe-edits = 改图正常：{ $seconds } 秒出图。
check-probe-edit-skipped = 不收参考图，改图会交给下一家。
check-probe-no-edits = 能画图，但这家没有改图接口{ $status }{ $detail }
check-probe-no-edits-mend = { $origin ->
    [environment] 只靠这两个环境变量写不了，启动画架时改设这些：{ $variables }
   *[section] 在 [providers.{ $provider }] 里写 supports_edit = false，再在 [edit] 的 provider 里写一家能改图的，比如 gemini_native。
    }
check-probe-twin-edits = 这家没有 { $kind } 的改图接口，但用 { $twin } 可以改。
check-probe-twin-edits-mend = { $origin ->
    [environment] 只靠这两个环境变量写不了，启动画架时改设这些：{ $variables }
   *[section] [providers.{ $provider }] 不用动。把它抄成一节 [providers.{ $provider }_edit]，其中 kind = "{ $twin }"{ $odd ->
        [both] ，不要抄 profile 和 extra
        [profile] ，不要抄 profile
        [extra] ，不要抄 extra
       *[none] {""}
        }；再在 [edit] 里写 provider = "{ $provider }_edit"
    }
check-probe-twin-draws = 这家没有 { $kind } 的画图接口{ $status }，但用 { $twin } 可以画。
check-probe-twin-draws-mend = { $origin ->
    [environment] 只靠这两个环境变量写不了，启动画架时改设这些：{ $variables }
   *[section] 在 [providers.{ $provider }] 里写 kind = "{ $twin }"{ $odd ->
        [both] ，并去掉那里的 profile = "{ $profile }" 和 extra，它们是给 { $kind } 写的
        [profile] ，并去掉那里的 profile = "{ $profile }"，它是给 { $kind } 写的
        [extra] ，并去掉那里的 extra，里面的字段是给 { $kind } 写的
       *[none] {""}
        }
    }
check-probe-twin-answers = 这家没有 { $kind } 的画图接口{ $status }；用 { $twin } 有回应，但没有图：{ $words }
check-probe-twin-answers-mend = { $origin ->
    [environment] 只靠这两个环境变量写不了，启动画架时改设这些：{ $variables }，再换一个会画图的模型。
   *[section] 在 [providers.{ $provider }] 里写 kind = "{ $twin }"，再换一个会画图的 model。{ $odd ->
        [both] 那里的 profile = "{ $profile }" 和 extra 是给 { $kind } 写的，要去掉。
        [profile] 那里的 profile = "{ $profile }" 是给 { $kind } 写的，要去掉。
        [extra] 那里的 extra 是给 { $kind } 写的，要去掉。
       *[none] {""}
        }
    }
check-probe-stream-off = 流式画图失败{ $status }，不用流式就正常{ $detail }
check-probe-stream-off-mend = { $wish ->
    [both] 在 [profiles.{ $profile }] 里写 streaming = false，再从 [providers.{ $provider }] 的 extra 里去掉 stream（和 partial_images）。
    [profile] 在 [profiles.{ $profile }] 里写 streaming = false
   *[extra] 从 [providers.{ $provider }] 的 extra 里去掉 stream（和 partial_images）。
    }
check-probe-model-gone = { $what ->
    [edit] 改图
   *[draw] 画图
    }失败：服务商没有模型 { $model }{ $status }{ $detail }
check-probe-model-gone-mend = { $origin ->
    [environment] 设 IMAGE_MODEL="{ $suggestion }"
   *[section] 在 [providers.{ $provider }] 里写 model = "{ $suggestion }"
    }
check-probe-no-right = { $what ->
    [edit] 改图
   *[draw] 画图
    }失败：这个账号还不能用模型 { $model }{ $status }{ $detail }
check-probe-no-right-mend = { $origin ->
    [environment] 到服务商（{ $host }）的网页上开通 { $model }，并完成实名认证；有的服务商要在那里建一个接入点，再把它的编号设成 IMAGE_MODEL。
   *[section] 到服务商（{ $host }）的网页上开通 { $model }，并完成实名认证；有的服务商要在那里建一个接入点，再把它的编号写进 [providers.{ $provider }] 的 model。
    }
check-probe-not-offered = { $what ->
    [edit] 改图
   *[draw] 画图
    }失败：服务商不对这个国家或地区、或者这个账号开放{ $status }{ $detail }
check-probe-not-offered-mend = { $origin ->
    [environment] 用它支持的地区的代理去访问，在 [network] 里写 proxy = "http://127.0.0.1:7890"；或者到它的网页上看看账号要不要先绑定付款方式。
   *[section] 用它支持的地区的代理去访问，在 [providers.{ $provider }] 里写 proxy = "http://127.0.0.1:7890"；或者到它的网页上看看账号要不要先绑定付款方式。
    }
check-probe-no-route = { $what ->
    [edit] 改图
   *[draw] 画图
    }失败：服务商没有这个接口{ $status }{ $detail }
check-probe-no-route-mend = { $origin ->
    [environment] 对照服务商的文档检查 { $pair }_BASE_URL。缺的不是模型。
   *[section] 对照服务商的文档检查 [providers.{ $provider }] 的 base_url 和 kind = "{ $kind }"。缺的不是模型。
    }
check-probe-failed = { $what ->
    [edit] 改图
   *[draw] 画图
    }失败：{ $class ->
    [auth] 密钥被拒
    [quota] 账号没有额度了
    [rate] 请求太频繁
    [overload] 服务不可用或过载
    [unanswered] 一直没有回应，可能已经扣费
    [result_lost] 图画好了却没收到，可能已经扣费
    [moderation_input] 描述没通过内容审核
    [moderation_output] 图没通过内容审核，可能已经扣费
    [bad_request] 服务商不接受某个参数
    [not_found] 服务商不认识这个模型，或者没有这个接口
    [empty] 回应里没有图
   *[too_large] 请求太大，服务商不收
    }{ $status }{ $detail }
check-probe-failed-mend = { $class ->
    [auth] { $origin ->
        [environment] 换上正确的密钥 { $pair }_API_KEY="…"，并确认它有权限。
       *[section] 在 [providers.{ $provider }] 的 api_keys 里换上正确的密钥，并确认它有权限。
        }
    [quota] { $origin ->
        [environment] 给账号充值，或者换一个别的账号的密钥：{ $pair }_API_KEY="…"
       *[section] 给账号充值，或者在 [providers.{ $provider }] 的 api_keys 里加一个别的账号的密钥。
        }
    [rate] 过一分钟再试。
    [overload] { $origin ->
        [environment] 稍后再试，并检查 { $pair }_BASE_URL。
       *[section] 稍后再试，并检查 [providers.{ $provider }] 的 base_url 和 proxy。
        }
    [unanswered] { $origin ->
        [environment] 到服务商网页上看看扣费记录。
       *[section] 到服务商网页上看看扣费记录。把 [providers.{ $provider }] 的 timeout_seconds 调大也许有用。
        }
    [result_lost] { $origin ->
        [environment] 看看这台机器能不能打开服务商给的链接（[network] 的 proxy）。
       *[section] 看看这台机器能不能打开服务商给的链接（[network] 的 proxy、[providers.{ $provider }] 的 proxy）。
        }
    [moderation_input] 这么普通的描述也被拒，去问服务商账号是不是受限了。
    [moderation_output] 这么普通的图也被拦，去问服务商账号是不是受限了。
    [bad_request] { $origin ->
        [environment] 对照服务商的文档，看 IMAGE_MODEL="{ $model }" 是不是画图模型。
       *[section] 对照服务商的文档检查 [providers.{ $provider }] 的 extra。
        }
    [not_found] { $origin ->
        [environment] 对照服务商的文档检查 { $pair }_BASE_URL 和 IMAGE_MODEL。
       *[section] 对照服务商的文档检查 [providers.{ $provider }] 的 base_url、kind 和 model。
        }
    [empty] { $origin ->
        [environment] 模型 { $model } 可能不会画图：换一个会画的，IMAGE_MODEL="…"
       *[section] 模型 { $model } 可能不会画图：在 [providers.{ $provider }] 的 model 里写一个会画的。
        }
   *[too_large] { $origin ->
        [environment] 这家收不了参考图：在配置里给它写一节，加上 supports_edit = false，改图就会跳过它。
       *[section] 小图也这样的话，在 [providers.{ $provider }] 里写 supports_edit = false。
        }
    }
check-probe-recorded = 已把 { $count } 份记录写到 { $path }。给别人看之前自己先过一遍。
check-probe-unwritten = 记录写不进 { $path }：{ $detail }

## 命令行

cli-saved = 已保存到 { $path }
cli-backup-done = 备份已写入 { $path }
cli-restore-done = 已从 { $path } 恢复。
cli-restore-running = 画架正在运行，不能恢复。请先停掉它。
cli-no-picture = 找不到图片 { $path }。
cli-no-backup = 找不到备份 { $path }。备份用 easel backup 生成；每小时的自动备份在数据目录的 backups 里。
cli-no-provider = 没有叫“{ $provider }”的服务商，所以没有画。现有：{ $names }。
cli-no-folder = 没有 { $path } 这个目录，图没处保存，所以没有画。先建好它，或用 -o 换个地方。
cli-not-writable = { $path } 写不了（{ $reason }），所以没有画。用 -o 换个地方。
cli-not-saved = 图没能保存到 { $path }：{ $reason }
cli-kept = 画架会把它保留一段时间，可以从 { $path } 拷出来
cli-other-format = 注意：{ $path } 里是 { $format } 图片，和扩展名不一样。画架只会转成 JPG 和 PNG。
cli-auth = 画图服务的密钥失效了，没画成。用 easel keys 看是哪一把，在配置里换掉。[{ $code }]
cli-quota = 画图服务的额度用完了，没画成。给账号充值，或用 --provider 换一家。[{ $code }]
cli-model = 画图服务里没有设定的模型，或者地址不对。检查配置里的 model、base_url 和 kind，easel check --probe 会说是哪一个。[{ $code }]
cli-no-usable-provider = 现在没有能用的画图服务。用 easel check 看看原因。[{ $code }]
cli-no-edit = 设定的画图服务都不支持改图。在 [edit] 里写一家能改图的，比如 gemini_native。[{ $code }]
cli-needs-picture = 要改哪张图？用 --image 图片 给出来。[{ $code }]
cli-storage = 画架的数据目录读写出了问题，没成功。检查磁盘空间和权限，easel check 会说缺什么。[{ $code }]
cli-example-draw = easel draw "一只在草地上奔跑的柯基"

check-health = 最近一小时请求 { $attempts } 次，成功 { $successes }/{ $judged }，通常 { $median } 秒，最慢 { $slowest } 秒。{ $last }
check-health-none = 最近一小时请求 { $attempts } 次，没有成功的。{ $last }
check-health-idle = 最近一小时没有请求。{ $last }
check-health-trial = 连续失败后歇够了，下一个任务会试一次（最近一小时成功 { $successes }/{ $judged }）。{ $last }
check-health-behind = 近来成功的只有 { $percent }%，同一条链里先请求别家（最近一小时成功 { $successes }/{ $judged }）。{ $last }
check-health-behind-mend = 等着就行，过一阵会自动回到原来的位置。失败原因看日志。
check-health-resting = 连续失败，{ $rest }内不再请求它（最近一小时成功 { $successes }/{ $judged }）。{ $last }
check-health-resting-mend = 等它恢复，会自动再试；或在 [draw] 里写一个 fallback_1。现在就想知道原因，看日志。
check-health-last-failure = { $ago }失败过：{ $class ->
    [auth] 密钥被拒绝
    [quota] 额度用完
    [rate] 请求太频繁
    [overload] 服务商忙或出错
    [unanswered] 没有回应
    [result_lost] 结果没拿到
    [moderation_input] 内容没过审核
    [moderation_output] 成图没过审核
    [bad_request] 请求不被接受
    [not_found] 没有这个模型或地址
    [empty] 没有给图
    [too_large] 图片太大
   *[other] { $class }
    }。
usage-title = 最近 { $days } 天（按 UTC 日期）：
usage-none = 最近 { $days } 天没有画过。
usage-total = 合计
usage-name = { $by ->
    [chat] 会话
    [user] 用户
   *[provider] 服务商
    }
usage-made = 成品
usage-attempts = 请求
usage-failures = 失败
usage-maybe-paid = 或已计费
usage-seconds = 平均秒
usage-megabytes = MB
usage-tokens = 词元
usage-cost = 费用
usage-estimate = 估算
usage-unpriced = 未知价
usage-legend = 费用：服务商自己报的。估算：服务商没报，按 [providers.名字] 的 prices 算。未知价：服务商没报，也没写 prices。
