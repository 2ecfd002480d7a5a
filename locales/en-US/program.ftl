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
start-engine-env-asking = No provider is configured; using the service in { $variable }, which is being asked for its models. It may cost money.
start-engine-model = The service in { $variable } draws with the model { $model }.
start-half-pair = { $found } is set, but { $missing } is not, so it isn’t used. { $usual ->
    [no] Set { $missing } to use it.
   *[other] For the official service set { $missing }={ $usual }
    }
start-engine-sketch = No provider is configured, so easel draws its own offline sketches: no network, no cost. For real AI pictures add a [providers.NAME] to { $path }.
start-fallbacks = When the first provider fails, these follow: { $names }
start-next-napcat = Next: in NapCat’s network settings add a “WebSocket client” with the address { $url } and the message format Array, save it and switch it on.
start-next-token = Its token must equal access_token in the configuration.
start-next-try = Once it is connected, say in a group: { $example }
start-resumed = Jobs left over from the last run: going on: { $resumed }; stopped because they may have been charged: { $interrupted }.
stop-draining = { $count ->
        [0] Stopping. Press Ctrl+C again to quit at once.
        [one] Stopping: one job is finishing. Press Ctrl+C again to quit at once.
       *[other] Stopping: { $count } jobs are finishing. Press Ctrl+C again to quit at once.
    }
stop-done = Stopped. Everything is saved.

start-failed-port = { $address } is in use; perhaps another easel is running. Stop it, or change { $key }.
start-failed-locked = Another easel is using the data directory { $path }. Stop it, or choose another data_dir.
start-failed-store = The database in { $path } is damaged. You can restore the latest backup: { $command }
start-failed-store-no-backup = The database in { $path } is damaged and there is no backup. Rename the directory to keep it, then start again with a new one.
start-failed-full = The disk that holds the data directory { $path } is full. Free some space and start again.
start-failed-network = The data directory { $path } is on a network file system ({ $kind }), where file locks can’t be relied on. Use a directory on a local disk.
start-failed-newer = The data directory { $path } was written by a newer easel. Install that version again, or restore a backup that this version made.

store-replaced = The database couldn’t be opened and was restored from the snapshot { $snapshot }; the damaged one is now { $moved }. Settings changed after that snapshot are gone; the jobs are complete.
store-loss = The database seems to have been damaged and to have lost records, and there is no snapshot to restore. Check the settings that were changed by chat commands, such as the lists.
store-loss-snapshot = The database seems to have been damaged and to have lost records. Check the settings that were changed by chat commands, such as the lists, or stop easel and run { $command }.
store-torn = The journal’s last line was only half written when the machine stopped and was cut off; nothing that had been confirmed is lost.
store-bad-lines = { $count ->
        [one] One damaged line of the journal was skipped.
       *[other] { $count } damaged lines of the journal were skipped.
    } Check the disk.
store-restore-finished = A restore that had been interrupted was completed.
store-left-over = { $count ->
        [one] An unfinished temporary file was removed; nothing is lost.
       *[other] { $count } unfinished temporary files were removed; nothing is lost.
    }
store-compacted = The database was rebuilt and takes less space.
store-migrated = The data directory was brought to the form of this version.

### Causes that the system gives

cause-disk-full = the disk is full, free some space
cause-read-only = the file system is read-only
cause-no-permission = no permission
cause-unknown-name = there is no host of this name
cause-refused = the connection was refused, nothing listens there
cause-timed-out = nothing answered for a long time
cause-tls = the encrypted connection (TLS) could not be made
cause-proxy = the proxy did not connect
cause-no-route = the network is unreachable
cause-address-in-use = the address is in use
cause-no-such-file = there is no such file or directory

start-failed-storage = The data directory { $path } can’t be written: { $reason }. Check disk space and permissions.

## Configuration

config-problems-title = { $path } needs { $count ->
        [one] one change
       *[other] { $count } changes
    }:
config-problem-line = { $place } { $key }: { $problem }
config-problem-mend = {"  "}→ { $mend }
config-reloaded = The configuration was updated and is in effect: { $keys }.
config-mended = The configuration file can be used again; it says what is in effect already.
config-reload-broken = The configuration has { $count ->
        [one] one mistake
       *[other] { $count } mistakes
    }; the previous one stays in effect.
config-restart-needed = The change of { $key } takes effect after a restart.

config-list-entry = “{ $value }” is not an id.
config-list-entry-mend = Instead of “{ $value }”, write "onebot:123456", or "123456" for every platform.
config-unknown-platform-mend = Begin with one of { $platforms }; QQ is onebot, as in "onebot:123456".
config-unknown-platform = There is no platform { $platform }, so nobody is meant by this.
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
check-probe-nothing = No service is configured, and the environment names none, so there is nothing to probe. Copy a section from config/providers.example.toml into your configuration.
check-probe-nobody = There is no service “{ $provider }”. Configured are: { $names }.
check-probe-nobody-near = There is no service “{ $provider }”. Did you mean “{ $nearest }”?
check-probe-nobody-at-all = There is no service “{ $provider }”, and no other: the configuration has no [providers.NAME], and the environment names none. Copy a section from config/providers.example.toml into your configuration.
check-probe-part-key = {" "}{ $key }
check-probe-part-key-of = {" "}{ $key } ({ $account })
check-probe-part-status = {" "}(HTTP { $status })
check-probe-part-detail = : { $detail }
check-probe-part-end = .
check-probe-reached = { $host } answers.
check-probe-key-good = The key{ $named } works.
check-probe-key-unproven = The key{ $named } can’t be proven for free here; drawing will tell.
check-probe-key-refused = The key{ $named } is refused{ $status }{ $detail }
check-probe-key-refused-mend = { $origin ->
    [environment] Set the right one: { $pair }_API_KEY="…"
   *[section] Put the right one into [providers.{ $provider }] api_keys in place of { $key } (the fingerprints are those of `easel keys`).
    }
check-probe-key-empty = The account of the key{ $named } is out of credit{ $status }{ $detail }
check-probe-key-empty-mend = { $origin ->
    [environment] Top the account up, or set the key of another one: { $pair }_API_KEY="…"
   *[section] Top the account up, or add a key of another account to [providers.{ $provider }] api_keys.
    }
check-probe-key-troubled = Asking with the key{ $named } failed ({ $class ->
    [rate] too many requests
    [overload] down or overloaded
    [unanswered] no answer
    [not_found] no such address
   *[other] { $class }
    }){ $status }{ $detail }
check-probe-key-troubled-mend = { $origin ->
    [environment] Try again in a minute. If it persists, ask the service of { $pair }_BASE_URL.
   *[section] Try again in a minute. If it persists, ask [providers.{ $provider }]’s service.
    }
check-probe-refused-without = { $host } asks for credentials, or for other ones than these{ $status }{ $detail }
check-probe-refused-without-mend = { $origin ->
    [environment] Set the service’s key: { $pair }_API_KEY="…"
   *[section] Write the service’s key into [providers.{ $provider }] api_keys = ["…"], or basic_auth = "user:password".
    }
check-probe-model-listed = The model { $model } is offered.
check-probe-model-missing = The model { $model } is not among the { $count } that the service lists.
check-probe-model-missing-mend = { $origin ->
    [environment] Some services leave picture models out of their list. If drawing fails, set: IMAGE_MODEL="{ $suggestion }"
   *[section] Some services leave picture models out of their list. If drawing fails, write in [providers.{ $provider }]: model = "{ $suggestion }"
    }
check-probe-model-missing-alone = The model { $model } is not among the { $count } that the service lists, and none of them looks like a picture model.
check-probe-model-missing-alone-mend = { $origin ->
    [environment] Some services leave picture models out of their list. If drawing fails, set the model’s name as the service’s page has it: IMAGE_MODEL="…"
   *[section] Some services leave picture models out of their list. If drawing fails, write the model’s name as the service’s page has it into [providers.{ $provider }] model.
    }
check-probe-no-list = The service shows no list of models; whether { $model } is offered, drawing will tell.
check-probe-model-retired = { $when ->
    [past] The maker has ended the model { $model }.
    [gone] The maker ended the model { $model } on { $until }.
   *[soon] The maker ends the model { $model } on { $until }.
    }
check-probe-model-retired-mend = { $origin ->
    [environment] Set: IMAGE_MODEL="{ $replacement }"
   *[section] Write in [providers.{ $provider }]: model = "{ $replacement }"
    }
check-probe-model-ended = { $when ->
    [past] The maker has ended the model { $model }, without another in its place.
    [gone] The maker ended the model { $model } on { $until }, without another in its place.
   *[soon] The maker ends the model { $model } on { $until }, without another in its place.
    }
check-probe-model-ended-mend = { $origin ->
    [environment] Choose another service than that of { $pair }_BASE_URL.
   *[section] Choose another service for what [providers.{ $provider }] did.
    }
check-probe-clips = Makes clips. None is made for a check.
check-probe-balance = The key{ $named } has { $left } { $unit } left.
check-probe-balance-open = The key{ $named } has no limit; { $used } { $unit } are used.
check-probe-balance-empty = The key{ $named } has { $left } { $unit } left.
check-probe-balance-empty-mend = { $origin ->
    [environment] Top the account up before the service of { $pair }_BASE_URL is asked again.
   *[section] Top the account up before [providers.{ $provider }] is asked again.
    }
check-probe-cost-title = The services may charge for what follows:
check-probe-cost = {"  "}{ $provider } ({ $model }): up to { $count } small { $count ->
    [one] picture
   *[other] pictures
    }{ $more ->
    [yes] {" (the last one only if streaming fails)"}
   *[no] {""}
    }
check-probe-cost-priced = {"  "}{ $provider } ({ $model }): up to { $count } small { $count ->
    [one] picture
   *[other] pictures
    }{ $more ->
    [yes] {" (the last one only if streaming fails)"}
   *[no] {""}
    }, about { $price } by your own prices
check-probe-question = Go on? [y/N]
check-probe-declined = OK, only the free part was checked.
check-probe-no-terminal = There is no terminal to ask on, so only the free part was checked. With --yes, drawing, streaming and editing are tried as well.
check-probe-drawing = Trying { $provider }; this can take minutes …
check-probe-draws = Drawing works: a picture after { $seconds } s.
check-probe-streams = Streaming works: the picture came through a stream.
check-probe-stream-possible = { $origin ->
    [environment] Streaming works: the picture came through a stream. With these two variables easel asks for whole answers, so nothing more is needed.
   *[section] Streaming works: the picture came through a stream. easel asks for whole answers; if a proxy cuts long ones, write in [providers.{ $provider }]: { $extra ->
        [yes] stream = true among the fields of extra, as in extra = {"{"} …, stream = true {"}"}
       *[no] extra = {"{"} stream = true {"}"}
        }
    }
check-probe-stream-whole = Streaming: not supported. A stream was asked for, and the service answered with the whole picture at once, which easel reads as well.
check-probe-stream-refused = Streaming: not supported. The service refuses to stream and draws without.
check-probe-stream-fails = Streaming fails{ $status } and drawing without it works, so leave it off, as it is{ $detail }
check-probe-stream-none = Streaming: { $kind } with { $model } has none that easel uses; it asks for whole answers.
check-probe-sizes = Sizes of { $model }: { $known ->
    [sizes] only { $sizes }; the nearest one is asked for.
    [kept] no shape can be wished for; a picture is shaped like the one that is given, or as the model chooses.
    [between] any shape between 1:{ $sizes } and { $sizes }:1{ $tier ->
        [0] .
       *[other] , up to { $tier }K.
    }
    [ratios] of the shapes { $sizes }{ $tier ->
        [0] .
       *[other] , up to { $tier }K.
    }
    [tier] up to { $tier }K.
   *[open] easel knows of no bounds and asks for what people wish.
    }
check-probe-corrected = The service refused one of the parameters; easel leaves it out by itself.
check-probe-size = Sizes work: { $size } as asked.
check-probe-size-other = The service chooses sizes itself: { $size } instead of { $asked }.
check-probe-edits = Editing works: a picture after { $seconds } s.
check-probe-edit-skipped = Takes no reference pictures; edits go to the next provider.
check-probe-no-edits = Drawing works, but the service doesn’t know how to edit{ $status }{ $detail }
check-probe-no-edits-mend = { $origin ->
    [environment] These two variables can’t say that. Start easel with these instead: { $variables }
   *[section] Write in [providers.{ $provider }]: supports_edit = false — and name a service that edits in [edit] provider, for example one of the kind gemini_native.
    }
check-probe-twin-edits = Editing as { $kind } doesn’t exist at this service, but as { $twin } it works.
check-probe-twin-edits-mend = { $origin ->
    [environment] These two variables can’t say that. Start easel with these instead: { $variables }
   *[section] Leave [providers.{ $provider }] as it is. Copy it as [providers.{ $provider }_edit] with kind = "{ $twin }"{ $odd ->
        [both] {" "}and without profile and extra
        [profile] {" "}and without profile
        [extra] {" "}and without extra
       *[none] {""}
        }, and write in [edit]: provider = "{ $provider }_edit"
    }
check-probe-twin-draws = Drawing as { $kind } doesn’t exist at this service{ $status }, but as { $twin } it works.
check-probe-twin-draws-mend = { $origin ->
    [environment] These two variables can’t say that. Start easel with these instead: { $variables }
   *[section] Write in [providers.{ $provider }]: kind = "{ $twin }"{ $odd ->
        [both] {" — "}and take profile = "{ $profile }" and extra out there: they are made for { $kind }
        [profile] {" — "}and take profile = "{ $profile }" out there: it is made for { $kind }
        [extra] {" — "}and take extra out there: its fields are made for { $kind }
       *[none] {""}
        }
    }
check-probe-twin-answers = Drawing as { $kind } doesn’t exist at this service{ $status }; as { $twin } it answers, but without a picture: { $words }
check-probe-twin-answers-mend = { $origin ->
    [environment] These two variables can’t say that. Start easel with these instead: { $variables } — and name a model that draws.
   *[section] Write in [providers.{ $provider }]: kind = "{ $twin }" — and a model that draws.{ $odd ->
        [both] {" "}Take profile = "{ $profile }" and extra out there: they are made for { $kind }.
        [profile] {" "}Take profile = "{ $profile }" out there: it is made for { $kind }.
        [extra] {" "}Take extra out there: its fields are made for { $kind }.
       *[none] {""}
        }
    }
check-probe-stream-off = Drawing fails as a stream{ $status } and works without{ $detail }
check-probe-stream-off-mend = { $wish ->
    [both] Write in [profiles.{ $profile }]: streaming = false — and take stream (and partial_images) out of [providers.{ $provider }] extra.
    [profile] Write in [profiles.{ $profile }]: streaming = false
   *[extra] Take stream (and partial_images) out of [providers.{ $provider }] extra.
    }
check-probe-model-gone = { $what ->
    [edit] Editing
   *[draw] Drawing
    } fails: the service has not got the model { $model }{ $status }{ $detail }
check-probe-model-gone-mend = { $origin ->
    [environment] Set: IMAGE_MODEL="{ $suggestion }"
   *[section] Write in [providers.{ $provider }]: model = "{ $suggestion }"
    }
check-probe-no-right = { $what ->
    [edit] Editing
   *[draw] Drawing
    } fails: this account may not use the model { $model } yet{ $status }{ $detail }
check-probe-no-right-mend = { $origin ->
    [environment] On the service’s own page, activate { $model } and verify the account ({ $host }); some services want the id of an endpoint made there as IMAGE_MODEL.
   *[section] On the service’s own page, activate { $model } and verify the account ({ $host }); some services want the id of an endpoint made there as [providers.{ $provider }] model.
    }
check-probe-not-offered = { $what ->
    [edit] Editing
   *[draw] Drawing
    } fails: the service is not offered to this country or account{ $status }{ $detail }
check-probe-not-offered-mend = { $origin ->
    [environment] Reach it through a proxy in a country that it serves, [network] proxy = "http://127.0.0.1:7890", or ask on its page whether the account needs billing.
   *[section] Reach it through a proxy in a country that it serves, [providers.{ $provider }] proxy = "http://127.0.0.1:7890", or ask on its page whether the account needs billing.
    }
check-probe-no-route = { $what ->
    [edit] Editing
   *[draw] Drawing
    } fails: the service has no such address{ $status }{ $detail }
check-probe-no-route-mend = { $origin ->
    [environment] Check { $pair }_BASE_URL against the service’s documentation. The model is not what is missing.
   *[section] Check [providers.{ $provider }] base_url and kind = "{ $kind }" against the service’s documentation. The model is not what is missing.
    }
check-probe-failed = { $what ->
    [edit] Editing
   *[draw] Drawing
    } fails: { $class ->
    [auth] the key is refused
    [quota] the account is out of credit
    [rate] too many requests for now
    [overload] the service is down or overloaded
    [unanswered] the service never answered; it may have been charged
    [result_lost] the picture was made and lost on the way; it may have been charged
    [moderation_input] the content check refused the words
    [moderation_output] the content check held the picture back; it may have been charged
    [bad_request] the service doesn’t accept a parameter
    [not_found] the service doesn’t know the model or this way of asking
    [empty] the answer has no picture
   *[too_large] the request is too large for the service
    }{ $status }{ $detail }
check-probe-failed-mend = { $class ->
    [auth] { $origin ->
        [environment] Set the right key, { $pair }_API_KEY="…", and check what it may do.
       *[section] Put the right key into [providers.{ $provider }] api_keys, and check what it may do.
        }
    [quota] { $origin ->
        [environment] Top the account up, or set the key of another one: { $pair }_API_KEY="…"
       *[section] Top the account up, or add a key of another account to [providers.{ $provider }] api_keys.
        }
    [rate] Try again in a minute.
    [overload] { $origin ->
        [environment] Try again later, and check { $pair }_BASE_URL.
       *[section] Try again later, and check [providers.{ $provider }] base_url and proxy.
        }
    [unanswered] { $origin ->
        [environment] Look at the service’s own page for what was charged.
       *[section] Look at the service’s own page for what was charged. A longer [providers.{ $provider }] timeout_seconds may help.
        }
    [result_lost] { $origin ->
        [environment] Check whether this machine reaches the links that the service answers ([network] proxy).
       *[section] Check whether this machine reaches the links that the service answers ([network] proxy, [providers.{ $provider }] proxy).
        }
    [moderation_input] The service refuses harmless words; ask it whether the account is limited.
    [moderation_output] The service holds harmless pictures back; ask it whether the account is limited.
    [bad_request] { $origin ->
        [environment] Check against the service’s documentation whether IMAGE_MODEL="{ $model }" makes pictures.
       *[section] Check [providers.{ $provider }] extra against the service’s documentation.
        }
    [not_found] { $origin ->
        [environment] Check { $pair }_BASE_URL and IMAGE_MODEL against the service’s documentation.
       *[section] Check [providers.{ $provider }] base_url, kind and model against the service’s documentation.
        }
    [empty] { $origin ->
        [environment] The model { $model } may make no pictures: set one that does, IMAGE_MODEL="…"
       *[section] The model { $model } may make no pictures: write one that does into [providers.{ $provider }] model.
        }
   *[too_large] { $origin ->
        [environment] This service takes no pictures of that size; a section of the configuration with supports_edit = false passes it over for edits.
       *[section] Write in [providers.{ $provider }]: supports_edit = false, if this happens with a small picture.
        }
    }
check-probe-recorded = { $count } records written to { $path }. Look through them before you show them to anybody.
check-probe-unwritten = Records can’t be written to { $path }: { $detail }

## Command line

cli-saved = Saved to { $path }
cli-backup-done = The backup is in { $path }
cli-restore-done = Restored from { $path }.
cli-restore-running = easel is running, so nothing can be restored. Stop it first.
cli-no-picture = There is no picture { $path }.
cli-no-backup = There is no backup { $path }. Backups are made by “easel backup”; hourly ones are in the folder “backups” of the data directory.
cli-no-provider = There is no provider “{ $provider }”, so nothing was drawn. Configured are: { $names }.
cli-no-folder = There is no folder { $path } to save the picture in, so nothing was drawn. Make it, or name another with -o.
cli-not-writable = { $path } can’t be written ({ $reason }), so nothing was drawn. Name another place with -o.
cli-not-saved = The picture could not be saved at { $path }: { $reason }
cli-kept = easel keeps it for a while: copy it from { $path }
cli-other-format = Note that { $path } holds a { $format } picture, unlike its name says; easel converts to JPG and PNG only.
cli-auth = The drawing service no longer accepts its key, so there is no picture. “easel keys” shows which one; replace it in the configuration. [{ $code }]
cli-quota = The drawing service has run out of credit, so there is no picture. Top up the account, or choose another service with --provider. [{ $code }]
cli-model = The drawing service doesn’t know the configured model, or its address is wrong. Check model, base_url and kind in the configuration; “easel check --probe” tells which. [{ $code }]
cli-no-usable-provider = No drawing service is available right now. “easel check” shows why. [{ $code }]
cli-no-edit = None of the configured drawing services can edit pictures. Name one in [edit] that can, such as gemini_native. [{ $code }]
cli-needs-picture = Which picture? Name it with --image FILE. [{ $code }]
cli-storage = easel can’t read or write its data directory, so this didn’t work. Check disk space and permissions; “easel check” shows what is missing. [{ $code }]
cli-example-draw = easel draw "a corgi running across a meadow"

check-health = { $attempts ->
        [one] One request
       *[other] { $attempts } requests
    } in the last hour, { $successes } of { $judged } worked, usually { $median } s, { $slowest } s at most. { $last }
check-health-none = { $attempts ->
        [one] One request
       *[other] { $attempts } requests
    } in the last hour, none worked. { $last }
check-health-idle = Not asked in the last hour. { $last }
check-health-trial = It rested after repeated failures; the next job tries it ({ $successes } of { $judged } worked in the last hour). { $last }
check-health-behind = Of what it was asked lately only { $percent }% worked, so the others of its chain are asked before it ({ $successes } of { $judged } worked in the last hour). { $last }
check-health-behind-mend = Wait, it comes back to its place by itself. The log tells why it failed.
check-health-resting = Failed repeatedly and is not asked for { $rest } ({ $successes } of { $judged } worked in the last hour). { $last }
check-health-resting-mend = Wait, it is tried again by itself; or name a fallback_1 in [draw]. The log tells why it failed.
check-health-last-failure = Failed { $ago }: { $class ->
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
