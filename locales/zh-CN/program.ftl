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
start-engine-env = 没有配置服务商，采用环境变量 { $variable } 里的接口（模型 { $model }），可能产生费用。
start-engine-sketch = 没有配置服务商，先用内置的离线草图，不联网、不花钱。想要真正的 AI 画图，在 { $path } 里添加 [providers.名称]。
start-fallbacks = 主服务商失败时，依次改用：{ $names }
start-next-napcat = 下一步：在 NapCat 的“网络配置”里新建“WebSocket 客户端”，地址填 { $url }，消息格式选 Array，保存并启用。
start-next-token = 令牌（token）要和配置里的 access_token 一致。
start-next-try = 连上后，在群里发送：{ $example }
start-resumed = 上次停止时没做完的任务：继续 { $resumed } 个，因可能已扣费而停止 { $interrupted } 个。
stop-draining = 正在停止：等待 { $count } 个任务收尾。再按一次 Ctrl+C 立即退出。
stop-done = 已停止，数据都已保存。

start-failed-port = { $address } 已被占用，可能已经有一个画架在运行。请先停掉它，或修改 { $key }。
start-failed-locked = 数据目录 { $path } 正被另一个画架使用。请先停掉它，或换一个 data_dir。
start-failed-store = 数据目录 { $path } 里的数据库损坏。可以恢复最近的备份：{ $command }
start-failed-store-no-backup = 数据目录 { $path } 里的数据库损坏，也没有找到备份。请把这个目录改名保存后再启动，会重新建立。
start-failed-storage = 数据目录 { $path } 写不进去：{ $reason }。请检查磁盘空间和权限。

## 配置

config-problems-title = { $path } 里有 { $count } 处需要修改：
config-problem-line = { $place }　{ $key }：{ $problem }
config-problem-mend = 　→ { $mend }
config-reloaded = 配置已更新，立即生效。
config-reload-broken = 配置有 { $count } 处错误，继续使用之前的配置。
config-restart-needed = { $key } 的修改要重启后才生效。

config-list-entry = “{ $value }”不是有效的编号。
config-list-entry-mend = 不要写成“{ $value }”，请写 "onebot:123456"，或只写 "123456" 表示所有平台。
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

## 命令行

cli-saved = 已保存到 { $path }
cli-backup-done = 备份已写入 { $path }
cli-restore-done = 已从 { $path } 恢复。
cli-restore-running = 画架正在运行，不能恢复。请先停掉它。
cli-no-picture = 找不到图片 { $path }。

check-health = 最近一小时请求 { $attempts } 次，成功 { $successes }/{ $judged }，通常 { $median } 秒，最慢 { $slowest } 秒。{ $last }
check-health-none = 最近一小时请求 { $attempts } 次，没有成功的。{ $last }
check-health-idle = 最近一小时没有请求。{ $last }
check-health-trial = 连续失败后歇够了，下一个任务会试一次（最近一小时成功 { $successes }/{ $judged }）。{ $last }
check-health-resting = 连续失败，{ $rest }内不再请求它（最近一小时成功 { $successes }/{ $judged }）。{ $last }
check-health-resting-mend = 等它恢复，会自动再试；或在 [draw] 里写一个 fallback_1。现在就想知道原因，看日志。
check-health-last-failure = { $ago }前失败过：{ $class ->
    [auth] 密钥被拒绝
    [quota] 额度用完
    [rate] 请求太频繁
    [overload] 服务忙或出错
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
usage-legend = 费用：服务自己说的。估算：服务没说，按 [providers.名字] prices 算。未知价：服务没说，也没写 prices。
