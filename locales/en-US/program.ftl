### What the owner reads: start, checks, configuration, command line.

## Start

start-title = easel { $version }
start-config = Configuration: { $path }
start-config-missing = There is no configuration file { $path }; everything is at its default.
start-data = Data directory: { $path }
start-listening-ws = Waiting for OneBot reverse WebSocket connections: ws://{ $address } (paths { $paths })
start-listening-http = Receiving OneBot HTTP events: http://{ $address }
start-dialing = Connecting to OneBot: { $url }
start-no-platform = No chat platform is configured; only the command line works: easel draw "description" -o picture.png
start-engine = Provider for { $feature }: “{ $provider }” (model { $model }). It calls a paid API and may cost money.
start-engine-free = Provider for { $feature }: “{ $provider }” (model { $model }). It runs on your own machine or network and charges nothing per picture.
start-engine-env = No provider is configured, so the API from the environment variable { $variable } is used (model { $model }). It may cost money.
start-engine-sketch = No provider is configured, so easel draws its own offline sketches: no network, no cost. For real AI pictures add a [providers.NAME] to { $path }.
start-fallbacks = When the first provider fails, these follow: { $names }
start-next-napcat = Next: in NapCat’s network settings add a “WebSocket client” with the address { $url } and the message format Array, save it and switch it on.
start-next-token = Its token must equal access_token in the configuration.
start-next-try = Once it is connected, say in a group: { $example }
start-resumed = Jobs left over from the last run: { $resumed } go on, { $interrupted } were stopped because they may have been charged.
stop-draining = Stopping: { $count } jobs are finishing. Press Ctrl+C again to quit at once.
stop-done = Stopped. Everything is saved.

start-failed-port = { $address } is in use; perhaps another easel is running. Stop it, or change { $key }.
start-failed-locked = Another easel is using the data directory { $path }. Stop it, or choose another data_dir.
start-failed-store = The database in { $path } is damaged. You can restore the latest backup: { $command }
start-failed-store-no-backup = The database in { $path } is damaged and there is no backup. Rename the directory to keep it, then start again with a new one.
start-failed-storage = The data directory { $path } can’t be written: { $reason }. Check disk space and permissions.

## Configuration

config-problems-title = { $path } needs { $count ->
        [one] one change
       *[other] { $count } changes
    }:
config-problem-line = { $place } { $key }: { $problem }
config-problem-mend = {"  "}→ { $mend }
config-reloaded = The configuration has changed and is in effect.
config-reload-broken = The configuration has { $count ->
        [one] one mistake
       *[other] { $count } mistakes
    }; the previous one stays in effect.
config-restart-needed = The change of { $key } takes effect after a restart.

config-list-entry = “{ $value }” is not an id.
config-list-entry-mend = Instead of “{ $value }”, write "onebot:123456", or "123456" for every platform.
config-period-zero = The period can’t be 0 seconds.
config-period-zero-mend = Use at least 1. To switch a limit off, set its number of calls to 0.
config-direct-users-blacklist = user_filter_list is a blacklist now and can’t also say who may use direct chats.
config-direct-users-blacklist-mend = Set direct_chats to "everyone" or "admins", or use a whitelist of users.
config-preset-name-empty = The preset’s name or alias “{ $value }” is empty.
config-preset-name-empty-mend = Give “{ $value }” a name that can be seen, or remove it.
config-preset-name-verb = “{ $value }” is a built-in command and can’t name a preset.
config-preset-name-verb-mend = Choose another name for “{ $value }”.
config-preset-name-taken = “{ $value }” already names another preset.
config-preset-name-taken-mend = Choose another name for one of the two “{ $value }”.
config-preset-prompt-empty = The preset has no prompt.
config-preset-prompt-empty-mend = Write a prompt; { "{prompt}" } marks the place of the person’s own words.
config-output-form = “{ $value }” is not a size or ratio.
config-output-form-mend = Instead of “{ $value }”, write a ratio (16:9), pixels (2048x1152), a tier (1K, 2K, 4K), or a ratio and a tier (16:9 2K).

## Check

check-title = Checking { $path }
check-ok = ✓ { $what }
check-warning = ! { $what }: { $why }
check-failed = ✗ { $what }: { $why }
check-mend = {"  "}→ { $mend }
check-summary-ok = Everything is fine; easel can start.
check-running-jobs = { $running } in progress, { $waiting } waiting.
check-running-good = Works.
check-running-bad = The last attempt failed: { $detail }
check-summary = Fine: { $ok }, warnings: { $warnings }, failed: { $failed }.
check-running = easel is running; this is how it is doing.

## Command line

cli-saved = Saved to { $path }
cli-backup-done = The backup is in { $path }
cli-restore-done = Restored from { $path }.
cli-restore-running = easel is running, so nothing can be restored. Stop it first.
cli-no-picture = There is no picture { $path }.

check-health = { $attempts } requests in the last hour, { $successes } of { $judged } worked, usually { $median } s, { $slowest } s at most. { $last }
check-health-none = { $attempts } requests in the last hour, none worked. { $last }
check-health-idle = Not asked in the last hour. { $last }
check-health-trial = It rested after repeated failures; the next job tries it ({ $successes } of { $judged } worked in the last hour). { $last }
check-health-resting = Failed repeatedly and is not asked for { $rest } ({ $successes } of { $judged } worked in the last hour). { $last }
check-health-resting-mend = Wait, it is tried again by itself; or name a fallback_1 in [draw]. The log tells why it failed.
check-health-last-failure = Failed { $ago } ago: { $class ->
    [auth] the key was refused
    [quota] the quota is used up
    [rate] too many requests
    [overload] busy or broken
    [unanswered] no answer
    [result_lost] the result was lost
    [moderation_input] the content check refused the request
    [moderation_output] the content check withheld the result
    [bad_request] the request was not accepted
    [not_found] no such model or address
    [empty] no picture in the answer
    [too_large] the pictures were too large
   *[other] { $class }
    }.
usage-title = The last { $days } days (days of UTC):
usage-none = Nothing was drawn in the last { $days } days.
usage-total = total
usage-name = { $by ->
    [chat] chat
    [user] person
   *[provider] provider
    }
usage-made = made
usage-attempts = requests
usage-failures = failed
usage-maybe-paid = maybe paid
usage-seconds = avg s
usage-megabytes = MB
usage-tokens = tokens
usage-cost = cost
usage-estimate = estimate
usage-unpriced = unpriced
usage-legend = cost: told by the services. estimate: not told, by [providers.NAME] prices. unpriced: not told, and no price written.
