### What is said when another program's configuration is imported; also the comments of the new file.

## Outcome

import-title = Read { $file }. Old → new:
import-skipped-title = Not taken over:
import-skipped = {"  "}{ $key }: { $why }
import-notes-title = Please note:
import-note = {"  "}! { $note }
import-written = The new configuration is in { $path }. It holds your keys; only you can read it.
import-next = Check it with: easel check --config { $path }. Start with: easel --config { $path } (or rename it to config/easel.toml).
import-next-mend = First mend { $path } as told above, then run: easel check --config { $path }

## Can't be read or written

import-missing = There is no file { $file }. AstrBot keeps the configurations of its plug-ins in data/config, under names that end in _config.json.
import-unreadable = { $file } can’t be read: { $detail }
import-large = { $file } is too large for a plug-in’s configuration. Choose the file in AstrBot’s data/config whose name ends in _config.json.
import-not-json = { $file } is not valid JSON: line { $line }, column { $column } is wrong. Choose the file in AstrBot’s data/config whose name ends in _config.json.
import-no-object = { $file } holds no configuration: it should be one object in braces.
import-unknown = { $file } has no key that easel knows, so it is not the configuration of one of these picture plug-ins. Choose the plug-in’s file in AstrBot’s data/config.
import-exists = { $path } already exists and is not overwritten. Choose another name: --output new-file.toml
import-unwritable = { $path } can’t be written: { $detail }

## Comments of the new file

import-file-head = Imported from { $file } by easel import astrbot. `easel check` explains every problem and its mend.
import-file-secret = It holds keys; give it to nobody.
import-file-onebot = Point NapCat, LLOneBot or Lagrange, as reverse WebSocket, at ws://127.0.0.1:6199/ws
import-file-rest = What follows has no counterpart:

## Notes

import-note-retired = The model { $model } of the provider “{ $provider }” is retired or about to be (its maker’s date is { $date }); better set model to { $replacement }. It is kept here because some gateways still offer it.
import-note-retired-undated = The model { $model } of the provider “{ $provider }” can no longer be had from its maker; better set model to { $replacement }.
import-note-retired-alone = The model { $model } of the provider “{ $provider }” was retired by its maker ({ $date }) without a replacement; some gateways still offer it.
import-note-xai-chat = Provider “{ $provider }”: the chat of api.x.ai draws nothing; better set kind to "grok" and model to grok-imagine-image.
import-note-model = The old configuration names no model, so the provider “{ $provider }” begins with { $model }.
import-note-streams = The provider “{ $provider }” answers as a stream only, so extra.stream is true.
import-note-draws-only = The provider “{ $provider }” has an address for drawing alone, so it has supports_edit = false. If it edits too, write its other address into a second section.
import-note-references = The pictures of [selfie] reference_images lie in AstrBot’s folder: copy them to where easel can read them, and write those paths. This version draws no selfies yet.
import-note-no-provider = No provider can be used, so easel draws its own offline sketches. Add the keys and remove the # in front of those lines.

## Why something was not taken over

import-why-unknown = not a key that easel knows
import-why-unreadable = its value can’t be read
import-why-second = { $first } says the same, and that is what counts
import-why-placeholder = a placeholder, not a key
import-why-unused = it has no key and nothing uses it
import-why-no-key = no key; fill in api_keys and remove the # of each line
import-why-no-model = no model; fill in model and remove the # of each line
import-why-no-address = no usable address; fill in base_url and remove the # of each line
import-why-refused = the value of { $key } can’t be used; mend it and remove the # of each line
import-why-anonymous = anonymous Vertex AI imitates a browser against the service’s terms, so easel does not offer it; get a Gemini key and use kind = "gemini_native"
import-why-template = there is no kind for “{ $template }”
import-why-no-template = without __template_key nobody knows which service it is
import-why-no-switch = easel has no switch of its own for it
import-why-fallback-off = fallbacks were switched off
import-why-chain-unknown = there is no provider “{ $provider }”
import-why-chain-off = the provider “{ $provider }” can’t be used now
import-why-chain-edits-only = the provider “{ $provider }” has an address for edits alone, so it can’t draw
import-why-chain-twice = the provider “{ $provider }” stands in the chain already
import-why-size = not a size or ratio
import-why-mode = it can only be none, whitelist or blacklist
import-why-preset-form = write it as “name:prompt”
import-why-proxy-off = the proxy was switched off
import-why-proxy-empty = a proxy was switched on, but none was named
import-why-proxy-bad = not a proxy’s address; in proxy, write one that begins with http://, https://, socks5:// or socks5h://
import-why-reserved = it is part of the request itself and can’t be set beside it
import-why-same-machine = not needed on the same machine
import-why-label = easel uses the provider’s name alone
import-why-draws-only = there is no full_edit_url, so it can’t edit
import-why-encoding = easel sends pictures as they are, without encoding them again
import-why-polling = the service answers at once, so there is no task to ask about
import-why-pauses = easel decides by itself how long to wait and whether to try again
import-why-streaming = easel asks for no stream unless extra.stream is true
import-why-streaming-always = this service answers as a stream only
import-why-streaming-kind = this kind has no switch for streaming
import-why-network = easel has guards of its own for the network
import-why-private = to allow private addresses, name each in [network] allow_hosts
import-why-clip-cache = clips are not kept after they were sent
import-why-one-clip = each person has one clip at a time
import-why-batch = easel bounds all work together, in [jobs]
import-why-tool = it belongs to AstrBot’s language model
import-why-selfie-prompt = there is no such setting; a [presets.NAME] can hold it
import-why-selfie-own = easel decides this by itself
import-why-selfie-off = selfies were switched off, so there is no [selfie]
import-why-video-off = clips were switched off, so there is no [video]
import-why-host = it belongs to the host program and has nothing to do with pictures
import-why-talks = the model that talks, not one that draws
