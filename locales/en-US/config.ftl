### Texts about the configuration file and of `easel check`. Every `…-mend` says what to do.

## The file

config-file-missing = The configuration file { $file } does not exist.
config-file-missing-mend = Check the path after --config; without --config it is config/easel.toml.
config-file-emptied = The configuration file { $file } has become empty; perhaps it wasn’t saved completely.
config-file-emptied-mend = Save it again; if you want nothing but defaults, write one line that begins with #, or restart.
config-file-gone = The configuration file { $file } is gone.
config-file-gone-mend = Put { $file } back; if you want nothing but defaults, restart.
config-file-large = { $file } is too large for a configuration file (more than 4 MiB).
config-file-large-mend = Check whether --config names another file.
config-file-not-text = The configuration file { $file } is not UTF-8 text.
config-file-not-text-mend = Save it again in your editor with the encoding UTF-8.
config-file-unreadable = The configuration file { $file } can’t be read: { $detail }
config-file-unreadable-mend = Check that it is a file, and that the account that runs easel may read it.
config-syntax = This is not TOML: { $detail }
config-syntax-mend = Put texts in quotes, write one key = value per line and lists in [ ].

## Keys and values

config-unknown-key = There is no key { $key }.
config-nearest-key = Did you mean { $nearest }?
config-unknown-key-mend = Remove it, or use one of: { $known }.
config-unknown-key-mend-none = Remove it.
config-missing-key = The key { $key } is missing.
config-missing-key-mend = Add { $key } = ….
config-wrong-type = This must be { $expected }, but is { $found }.
config-wrong-type-mend = Write the value in the expected form.
config-wrong-type-mend-quote = Put it in quotes.
config-wrong-type-mend-unquote = Write the value without quotes.
config-wrong-type-mend-list = Write a list: { $value }
config-wrong-type-mend-whole = Write a whole number without quotes, such as { $example }.
config-wrong-type-mend-flag = Write true or false, without quotes.
config-kind-text = text in quotes
config-kind-integer = a whole number
config-kind-number = a number
config-kind-flag = true or false
config-kind-list = a list
config-kind-table = a table
config-kind-date = a date
config-wrong-word = { $value } is none of the possible values.
config-wrong-word-mend = Use one of: { $words }.
config-nearest-word = Did you mean "{ $nearest }"?
config-too-small = { $value } is too small; the least is { $least }.
config-too-small-mend = Write { $least } or more.
config-too-large = { $value } is too large; the most is { $most }.
config-too-large-mend = Write { $most } or less.
config-invalid = This value can’t be used: { $detail }
config-invalid-secret = This secret is not in the right form.
config-invalid-mend = Compare with the examples in config/easel.toml.

## Environment and secret files

config-env-not-utf8 = The value of this environment variable is not UTF-8 text.
config-env-index = The list has no item { $index }, and items can’t be added with gaps.
config-env-index-mend = Items count from 0; the next free one is { $next }.
config-env-unreadable = The value of this environment variable can’t be read.
config-env-unreadable-mend = Write { $form }.
config-env-form-list = a, b with commas, or a JSON list
config-env-form-flag = true or false
config-env-form-integer = a whole number
config-env-form-number = a number
config-env-form-table = a JSON object
config-secret-twice = { $secret } and { $file } are both given.
config-secret-twice-mend = Keep one; remove { $secret } when the secret is in a file.
config-secret-file-unreadable = The secret file { $file } can’t be read: { $detail }
config-secret-file-large = { $file } is too large for a secret (more than 64 KiB).
config-secret-file-empty = The secret file { $file } is empty.
config-secret-file-mend = Check { $file }; relative paths begin at the working directory.

## Rules of the sections

config-data-dir-empty = The data directory is empty.
config-data-dir-empty-mend = Name a directory, such as data_dir = "data".
config-prefix-blank = A prefix can’t be empty or contain spaces; all chatter would be a command.
config-prefix-blank-mend = Remove it; write prefixes = [] for no prefix at all.
config-admin-form = The owner { $value } is not one platform:id.
config-admin-form-mend = Write platform:id without spaces, one in each entry, such as "onebot:10001".
config-chain-and-provider = Use either chain or { $other }.
config-chain-and-provider-mend = Remove { $other } and write all names into chain, in their order.
config-fallback-without-provider = There is a fallback but no first provider.
config-fallback-without-provider-mend = Add provider = "…".
config-provider-name-empty = The provider’s name is empty.
config-provider-name-empty-mend = Write the name from [providers.NAME], or remove the line.
config-provider-twice = The provider { $provider } is named twice; the second time has no effect.
config-provider-twice-mend = Remove one { $provider }.
config-unknown-profile = There is no [profiles.{ $profile }].
config-unknown-profile-mend = Write a [profiles.{ $profile }], or take this line out.
config-profile-kind = [profiles.{ $profile }] is based on { $base }, and the kind of this provider is { $kind }.
config-profile-kind-mend = Write kind = "{ $base }", or based_on = "{ $kind }" in [profiles.{ $profile }] (only openai_images and openai_chat are possible).
config-unknown-provider = There is no provider { $provider }.
config-unknown-provider-mend = Add [providers.{ $provider }], or use a name that exists.
config-nearest-provider = Did you mean "{ $nearest }"?
config-provider-unused = The provider { $provider } is configured, but neither [draw] nor [edit] uses it.
config-provider-unused-mend = Write provider = "{ $provider }" in [draw].
config-not-in-this-build = [{ $section }] is not in this build; the section has no effect.
config-not-in-this-build-mend = It may stay; it takes effect with a version that has it.
config-listen-twice = Two [[onebot]] sections listen on { $value }.
config-listen-twice-mend = One reverse connection serves several accounts: remove a section, or use another port.

config-bad-network-proxy = This is not the address of a proxy.
config-bad-network-proxy-mend = Begin with http://, https://, socks5:// or socks5h://, as in socks5h://127.0.0.1:7890; leave it empty for none.
config-bad-network-download-proxy = This is not the address of a proxy.
config-bad-network-download-proxy-mend = Begin with http://, https://, socks5:// or socks5h://, as in socks5h://127.0.0.1:7890; leave it empty for none.
config-bad-network-allow-hosts = { $value } is not a host, an address or a network.
config-bad-network-allow-hosts-mend = Write nas.lan, nas.lan:8080, 192.168.1.5 or 192.168.1.0/24, without http:// and without a path.
config-bad-network-max-download-bytes = 0 would refuse every picture.
config-bad-network-max-download-bytes-mend = Write a number of bytes, usually 20971520.
config-bad-network-max-answer-bytes = 0 would refuse every picture.
config-bad-network-max-answer-bytes-mend = Write a number of bytes, usually 67108864.
config-bad-onebot-access-token = Other machines can reach the address that is listened on, but there is no token.
config-bad-onebot-access-token-mend = Set access_token, and the same token in NapCat or whatever you use; or listen on 127.0.0.1 for this machine alone.
config-bad-onebot-call-timeout-seconds = A limit of { $value } seconds for calls can’t be used.
config-bad-onebot-call-timeout-seconds-mend = Write 1 or more, usually 10.
config-bad-onebot-listen = { $value } is not an address to listen on.
config-bad-onebot-listen-mend = Write host:port, such as 127.0.0.1:6199.
config-bad-onebot-max-frame-bytes = A limit of { $value } bytes would refuse ordinary messages.
config-bad-onebot-max-frame-bytes-mend = Write at least 65536, usually 33554432.
config-onebot-no-links = image_delivery = "url" needs a web server that can publish pictures, and this version has none: base64 and stream are used instead.
config-onebot-no-links-mend = Write image_delivery = "auto".
config-bad-onebot-nap-server-address = image_delivery = "napfile" needs the host of the file receiver.
config-bad-onebot-nap-server-address-mend = Write its address (localhost means none), or go back to image_delivery = "auto".
config-bad-onebot-nap-server-port = The port can’t be 0.
config-bad-onebot-nap-server-port-mend = Write 1 to 65535, usually 3658.
config-bad-onebot-path = The path { $value } must begin with a slash.
config-bad-onebot-path-mend = Write it like /ws, or leave it empty for every path.
config-bad-onebot-url = This mode can’t use the address "{ $value }".
config-bad-onebot-url-mend = Write the OneBot implementation’s address: ws:// or wss:// for forward (without /event or /api), http:// or https:// for http.

config-bad-providers-api-keys = The provider has no key.
config-bad-providers-api-keys-mend = Write api_keys = ["…"] with the key that the service gave you, or use api_keys_file.
config-bad-providers-base-url = "{ $value }" is not the address of a service.
config-bad-providers-base-url-mend = Write https://host or https://host/v1; a user and password belong in basic_auth.
config-bad-providers-basic-auth = basic_auth is not in the right form.
config-bad-providers-basic-auth-mend = Write "user:password".
config-bad-providers-extra = This field belongs to the request itself and can’t be in extra.
config-bad-providers-extra-mend = Take it out.
config-bad-providers-extra-form = The kind has no form { $value }.
config-bad-providers-extra-form-mend = Write one of the kind’s forms (see config/providers.example.toml), or take it out.
config-bad-providers-max-retry-attempts = { $value } can’t be the number of tries per key; it includes the first, so 1 means no retry.
config-bad-providers-max-retry-attempts-mend = Write 1 to 10, usually 3.
config-bad-providers-model = The model is missing.
config-bad-providers-model-mend = Write the model’s name at the service, such as model = "gpt-image-2".
config-bad-providers-prices = A price is named generate, edit or clip, perhaps with @1K, @2K or @4K, and is a number of 0 or more.
config-bad-providers-prices-mend = Write generate = 0.04 or "edit@4K" = 0.12 under [providers.NAME.prices].
config-bad-providers-proxy = This is not the address of a proxy.
config-bad-providers-proxy-mend = Begin with http://, https://, socks5:// or socks5h://; empty takes that of [network], "direct" takes none.
config-bad-providers-timeout-seconds = The time limit can’t be { $value } seconds.
config-bad-providers-timeout-seconds-mend = Write 1 to 3600, usually 300.
config-bad-providers-task-timeout-seconds = The time limit of tasks can’t be { $value } seconds.
config-bad-providers-task-timeout-seconds-mend = Write 10 to 86400; without it, 600 for pictures and 1800 for clips.
config-bad-providers-full-url = This kind asks about its tasks at other addresses, so full_url can’t work.
config-bad-providers-full-url-mend = Take full_url out and write the service’s root as base_url.
config-kind-missing = The provider’s kind is missing.
config-kind-unknown = { $value } is not a kind of provider.
config-kind-mend = The kinds are: { $kinds }.
config-base-url-endpoint = The base_url holds an endpoint’s whole path; { $path } was taken off.
config-base-url-endpoint-mend = Write it up to the host or /v1; full_url = true uses the address as it is.
config-base-url-scheme = The base_url names neither http:// nor https://; { $scheme }:// is used.
config-base-url-scheme-mend = Put { $scheme }:// in front of it.
config-base-url-query = Everything from ? or # on was taken off the base_url.
config-base-url-query-mend = Remove everything from ? or # on.

## easel check

check-config-good = Nothing is wrong with { $path }.
check-data-dir = The data directory { $dir } can be written; { $free } are free.
check-disk-full = The disk of the data directory { $dir } is full.
check-disk-full-mend = Free some space, or use another disk with --data-dir.
check-data-dir-unwritable = The data directory { $dir } can’t be written: { $detail }
check-data-dir-unwritable-mend = Let the account that runs easel write there, or choose another one with --data-dir.
check-disk-low = Only { $free } are free on the disk of the data directory { $dir }.
check-disk-low-mend = Free some space, or lower [bot] artifact_max_bytes.
check-access-open = Every group and every direct chat may use easel.
check-access-filtered = Lists limit who may use easel.
check-onebot-free = { $address } can be listened on.
check-onebot-served = The running easel listens on { $address }.
check-onebot-in-use = Another program uses { $address }.
check-onebot-in-use-mend = Stop that program, or use another port in [[onebot]] (and in the OneBot implementation).
check-onebot-unlistenable = { $address } can’t be listened on: { $detail }
check-onebot-unlistenable-mend = Use an address that this machine has, such as 127.0.0.1:6199.
check-onebot-reached = A OneBot implementation answers at { $address }.
check-onebot-unreached = { $address } can’t be reached: { $detail }
check-onebot-unreached-mend = Start the OneBot implementation (NapCat or another) and check the address; easel keeps trying.
check-provider-good = { $host } answers and accepts the key ({ $kind }).
check-provider-offline = Built in, needs no network.
check-provider-answers = { $host } answers ({ $kind }, { $status }), but gives no list of models.
check-provider-refused = { $host } refused the key ({ $status }).
check-provider-refused-mend = { $origin ->
    [environment] Check { $pair }_API_KEY: expired, or made for another address than { $pair }_BASE_URL?
   *[section] Check [providers.{ $provider }] api_keys: expired, or made for another base_url?
    }
check-provider-unreached = { $host } can’t be reached: { $detail }
check-provider-unreached-mend = { $origin ->
    [environment] Check { $pair }_BASE_URL and the network; if you need a proxy, set EASEL__NETWORK__PROXY="http://…".
   *[section] Check [providers.{ $provider }] base_url and the network; if you need a proxy, set [network] proxy.
    }
check-chosen-configured = { $count ->
        [one] Uses { $providers }
       *[other] Uses { $providers }, in this order
    }; may cost money.
check-chosen-environment = Uses the service of { $name }_BASE_URL and { $name }_API_KEY from the environment; may cost money.
check-chosen-sketch = Uses the built-in offline sketch, free of charge.
check-edit-nobody-mend = Name a provider in [edit] that edits, for example one of the kind gemini_native.
check-edit-nobody = None of { $providers } takes pictures, so edits are refused.
check-draw-nobody-mend = Name a provider in [draw] that draws; providers of clips belong in [video].
check-draw-nobody = None of { $providers } draws from words.
check-video-no-clips = None of { $providers } makes clips.
check-video-no-clips-mend = Name a provider in [video] that makes clips, or remove the section.
check-network-good = Names resolve as they should.
check-network-fake-ip = Names resolve into 198.18.0.0/15 (TUN mode of Clash, Mihomo or Surge); picture links from chats will be refused.
check-network-fake-ip-mend = Write allow_fake_ip = true in [network].
check-network-no-names = Names can’t be resolved: { $detail }
check-network-no-names-mend = Check the network and DNS.
check-key-ready = Key { $key } can be used.
check-key-disabled = Key { $key } was refused by the service{ $status ->
        [0] {""}
       *[other] {" "}({ $status })
    }, { $since }, and is not used any more.
check-key-disabled-mend = Replace it in api_keys. When the account is in order again: easel keys reset { $provider }
check-key-quota = The account of key { $key } ran out of quota{ $status ->
        [0] {""}
       *[other] {" "}({ $status })
    }, { $since }. It is tried again in { $rest }.
check-key-quota-mend = Top up the account. To try at once: easel keys reset { $provider }
check-key-cooling = Key { $key } rests{ $status ->
        [0] {""}
       *[other] {" "}({ $status })
    }; it is used again in { $rest }.
check-key-cooling-mend = Nothing needs doing. If it happens often, add keys of other accounts. To try at once: easel keys reset { $provider }
check-store-good = The database can be opened.
check-store-absent = There is no database yet; the first run creates it.
check-store-notice = Found when the database was opened: { $detail }
check-store-bad = The database can’t be opened: { $detail }
check-store-bad-mend = Follow the advice; backups are in the folder "backups" of the data directory, and "easel restore" brings one back.

## easel backup / restore

keys-none = No provider has a key.
keys-reset = { $count ->
        [0] No key was out of use.
        [one] One key is used again.
       *[other] { $count } keys are used again.
    }
keys-unknown-provider = There is no provider { $provider } in the configuration. There is: { $names }.
keys-store-failed = The data directory can’t be opened: { $detail }
backup-failed = The backup failed: { $detail }
restore-state = It is the state of { $date }: { $records } records.
backup-no-data = There is no data directory { $dir }, so there is nothing to back up; name it with --data-dir.
restore-closed-jobs = { $count ->
    [one] One job that was unfinished in the backup is recorded with unknown outcome; it is not repeated.
   *[other] { $count } jobs that were unfinished in the backup are recorded with unknown outcome; they are not repeated.
    }
restore-kept = What was there before is kept in { $dir }.
restore-failed = Restoring failed: { $detail }
control-failed = The running easel did not answer properly: { $detail }
