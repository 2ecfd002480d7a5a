### What is said when something fails: why, and what to do, in one breath, with the [code] at the end for whoever
### has to look into it. A command is named with its $prefix, so that it works as it stands there.

## Providers

error-auth = The drawing service no longer accepts its key, so there is no picture. Please ask the bot’s owner to replace the key. [{ $code }]
error-quota = The drawing service has run out of credit, so there is no picture. Please ask the bot’s owner to top it up, or try later. [{ $code }]
error-rate = The drawing service is busy and takes no requests right now. Try again in a minute or two. [{ $code }]
error-overload = The drawing service is down or can’t be reached right now, so there is no picture. Please try again later. [{ $code }]
error-unanswered = The request went out, but the drawing service never answered. It may have been charged. Send the command again if you still want the picture. [{ $code }]
error-unanswered-again = The request was repeated, but the drawing service never answered. Each of the { $calls } calls may have been charged. Send the command again if you still want the picture. [{ $code }]
error-unanswered-free = The request went out, but the drawing service never answered. Send the command again if you still want the picture. [{ $code }]
error-result-lost = The picture was made but got lost on its way here, and may have been charged. Send the command again if you still want it. [{ $code }]
error-result-lost-free = The picture was made but got lost on its way here. Send the command again if you still want it. [{ $code }]
error-moderation-input = The description or the picture didn’t pass the content check. Try other words or another picture. [{ $code }]
error-moderation-output = The picture was made, but it didn’t pass the content check. Rephrase the description and try again. [{ $code }]
error-moderation-said = The drawing service didn’t draw it and says: “{ $said }” Try other words. [{ $code }]
error-bad-request = The drawing service doesn’t accept these settings. Try without a size or shape. [{ $code }]
error-not-found = The drawing service doesn’t know the configured model. Please ask the bot’s owner to check the configuration. [{ $code }]
error-wrong-address = The drawing service’s address may be wrong: nothing draws there. Please ask the bot’s owner to check the configuration. [{ $code }]
error-not-found-lately = The drawing service doesn’t know the configured model, or its address is wrong. Please ask the bot’s owner to check the configuration. [{ $code }]
error-empty = The drawing service answered without a picture. Try other words. [{ $code }]
error-too-large = That was too much for the drawing service. Try fewer or smaller pictures. [{ $code }]
error-deadline = The picture wasn’t ready within { $minutes ->
        [one] { $minutes } minute
       *[other] { $minutes } minutes
    }, so the job was stopped. Please try again later. [{ $code }]
error-provider-busy = The drawing service was busy with other pictures until time ran out. Please try again later. [{ $code }]
error-no-provider = No drawing service is available right now. Please ask the bot’s owner to check the configuration. [{ $code }]
error-cannot-edit = None of the configured drawing services can edit pictures. Please ask the bot’s owner to add one that can. [{ $code }]
error-no-clip = No service that makes clips is set up here yet. Please ask the bot’s owner to add one. [{ $code }]
error-clip-needs-picture = The configured services make clips from a picture only. Send or quote a picture with the command. [{ $code }]
error-no-public-url = This service fetches reference pictures from a public address only, which easel can’t offer, so it can’t edit. Please ask the bot’s owner to add another service. [{ $code }]
error-clip-words-only = The configured services make clips from words only. Try without a picture. [{ $code }]
error-too-large-wish = The configured services draw { $tier }K at most. Try a smaller size. [{ $code }]
error-wrong-shape = The configured services can’t draw that shape, only { $sizes }. Try another size. [{ $code }]
error-shape-kept = The configured services take no wish for a shape: a picture gets that of the one you give, or their own. Try without a size. [{ $code }]
error-named-clips-only = “{ $provider }” makes clips, no pictures. Try without @{ $provider }. [{ $code }]
error-named-no-clip = “{ $provider }” draws pictures and makes no clips. Try without @{ $provider }. [{ $code }]
error-edits-only = “{ $provider }” only changes pictures, it draws none from words alone. Send a picture with your words, or try another service, without @{ $provider }. [{ $code }]
error-named-no-edit = “{ $provider }” can’t edit, it only draws from words. Try without @{ $provider }. [{ $code }]
error-named-no-public-url = To edit, “{ $provider }” fetches pictures from a public address, and none is set here. Try without @{ $provider }. [{ $code }]
error-no-collage = These pictures can’t be put together into one, and the service doesn’t take so many. Try with fewer. [{ $code }]
error-unknown-provider = There is no drawing service called “{ $provider }”. Try without @{ $provider }. [{ $code }]

## Queue and limits

error-queue-full = Too many people are waiting, so this one didn’t get a place. Come back in a few minutes. [{ $code }]
error-chat-busy = { $max ->
        [one] One picture is
       *[other] { $max } pictures are
    } already waiting here. Come back when one is done. [{ $code }]
error-user-busy = { $max ->
        [one] One picture of yours is
       *[other] { $max } pictures of yours are
    } already waiting. Come back when one is done. [{ $code }]
error-clip-busy = A clip of yours is already being made. Come back when it is done. [{ $code }]
error-limit-group = This group is drawing a little fast: at most { $max ->
        [one] one request
       *[other] { $max } requests
    } within { $period }. Come back in { $wait }. [{ $code }]
error-limit-user = You are drawing a little fast: at most { $max ->
        [one] one request
       *[other] { $max } requests
    } within { $period }. Come back in { $wait }. [{ $code }]
error-limit-group-day = This group has used up its { $max ->
        [one] one request
       *[other] { $max } requests
    } within { $period }. Come back in about { $wait }. [{ $code }]
error-limit-user-day = You have used up your { $max ->
        [one] one request
       *[other] { $max } requests
    } within { $period }. Come back in about { $wait }. [{ $code }]
error-limit-moderation = The content check has refused what you asked for { $max } times or more within { $period }, and providers close accounts over that. Come back in { $wait } and rephrase the description. [{ $code }]
error-debounce = That was quick! Try again in { $wait }. [{ $code }]

## Who may

refused-group = Drawing isn’t open to this group yet. If you would like it, ask the bot’s owner. [{ $code }]
refused-group-blocked = This group can’t use drawing. If you have questions, ask the bot’s owner. [{ $code }]
refused-user = Drawing isn’t open to you yet. If you would like it, ask the bot’s owner. [{ $code }]
refused-user-blocked = You can’t use drawing. If you have questions, ask the bot’s owner. [{ $code }]
refused-direct = Drawing isn’t open to you in direct chats. Use a group where it is, or ask the bot’s owner. [{ $code }]

## Commands

error-needs-picture = Which picture? Send it along with the command, or quote one. [{ $code }]
error-needs-prompt = What should I draw? Write it after the command, for example: { $example } [{ $code }]
error-needs-clip-prompt = What should the clip show? Write it after the command, for example: { $example } [{ $code }]
error-prompt-too-long = The description is too long; the limit is { $limit } characters. Please shorten it. [{ $code }]
error-nothing-to-resend = There is no picture to resend; pictures are only kept for a while. Please draw a new one. [{ $code }]
error-resend-gone = The file of your last picture is gone, so it can’t be sent again. Please draw a new one. [{ $code }]
error-resend-some-gone = Some files of your last pictures are gone; these are the ones that are left. [{ $code }]
error-no-such-result = There is no picture of job { $job } to resend: it may not be done, not be yours, or no longer be kept. [{ $code }]
error-resend-busy = A picture of yours is being resent already; wait until it is there. [{ $code }]
error-no-such-job = There is no job { $job }; it may be over. Send { $prefix }jobs to see those that exist. [{ $code }]
error-nothing-to-cancel = You have no picture in progress or waiting, so there is nothing to cancel. [{ $code }]
error-not-your-job = Job { $job } is somebody else’s; only they and admins can cancel it. [{ $code }]
error-too-late-to-cancel = Job { $job } has ended and its outcome is on its way; it is too late to cancel. [{ $code }]

## Pictures

error-picture-too-big = The picture is too large; the limit is { $megabytes } MB. Please make it smaller. [{ $code }]
error-picture-heic = HEIC and AVIF pictures can’t be read. Save it as a JPEG, or send a screenshot. [{ $code }]
error-picture-unknown = This isn’t a picture I can read. Please send a JPEG, PNG, WebP or GIF. [{ $code }]
error-picture-unreadable = easel can’t read the picture { $path }, so nothing was drawn. The account that easel runs as must be able to: move it, or change its rights. [{ $code }]
error-picture-expired = The picture’s link has expired. Please send the picture again. [{ $code }]
error-picture-private = The picture’s link leads into a private network, so it wasn’t opened. Please send the picture itself. [{ $code }]
error-picture-fake-ip = The picture couldn’t be fetched: a proxy on this machine answers with made-up addresses. Please ask the bot’s owner to switch on allow_fake_ip. [{ $code }]
error-picture-download = The picture couldn’t be downloaded. Please send it again. [{ $code }]
error-avatar = The avatar couldn’t be fetched, so it can’t be used. Send a picture along with the command, or quote one. [{ $code }]
error-picture-side = A side of the picture is too long; the limit is { $side } pixels. Please make it smaller. [{ $code }]
error-picture-pixels = This picture has to be turned or converted first and has too many pixels for that; the limit is { $megapixels } megapixels. Please make it smaller. [{ $code }]
error-picture-truncated = The picture is incomplete; perhaps the upload was cut. Please send it again. [{ $code }]
error-picture-empty = The picture is empty. Please send another one. [{ $code }]
error-too-many-pictures = That is too many pictures; the limit is { $max } at once. Try with fewer. [{ $code }]

## Results

error-interrupted = The program restarted in the middle of your picture. Whether it was made isn’t known, and it may have been charged. Send the command again if you still want it. [{ $code }]
error-interrupted-free = The program restarted in the middle of your picture. Send the command again if you still want it. [{ $code }]
error-task-unknown = The connection broke right after the request was sent. Whether it arrived isn’t known, and it may have been charged, so it wasn’t sent again. Send the command again if you still want the picture. [{ $code }]
error-task-unknown-free = The connection broke right after the request was sent, and whether it arrived isn’t known. Send the command again if you still want the picture. [{ $code }]
error-task-late = It took too long, so easel stopped waiting. It may have been charged. Please try again later. [{ $code }]
error-task-late-free = It took too long, so easel stopped waiting. Please try again later. [{ $code }]
error-task-key-gone = This was ordered with the key { $key }, which is no longer in the configuration, so the result can’t be fetched. Please ask the bot’s owner to put it back. [{ $code }]
error-task-provider-gone = This was ordered from “{ $provider }”, which is no longer in the configuration, so the result can’t be fetched. Please ask the bot’s owner to put it back. [{ $code }]
error-clip-lost = The clip was made but got lost on its way here, and may have been charged. Send the command again if you still want it. [{ $code }]
error-clip-lost-free = The clip was made but got lost on its way here. Send the command again if you still want it. [{ $code }]
error-clip-empty = The video service answered without a clip. Try other words. [{ $code }]
error-clip-not-delivered = The clip is done but couldn’t be sent. Send { $prefix }resend to try again. [{ $code }]
error-not-delivered = The picture is done but couldn’t be sent. Send { $prefix }resend to try again. [{ $code }]
error-internal = Something went wrong inside the program. Please try again; if it keeps failing, tell the bot’s owner the code at the end. [{ $code }]
error-storage = easel can’t read or write its data directory, so this didn’t work. Please ask the bot’s owner to check disk space and permissions. [{ $code }]
error-unsure = The picture is done and was sent, but nothing confirmed that it arrived. If you don’t see it, send { $prefix }resend{ $job ->
        [0] {""}
       *[other] {" "}{ $job }
    } to fetch it; nothing is charged again. [{ $code }]
error-clip-unsure = The clip is done and was sent, but nothing confirmed that it arrived. If you don’t see it, send { $prefix }resend{ $job ->
        [0] {""}
       *[other] {" "}{ $job }
    } to fetch it; nothing is charged again. [{ $code }]
error-overdue = easel or its account was down for a while and this request waited too long, so it wasn’t begun. Send the command again if you still want it. [{ $code }]
error-stopping = easel is restarting and takes no new jobs. Come back in a moment. [{ $code }]
error-unknown-preset = The preset “{ $preset }” no longer exists. Try another one. [{ $code }]
error-size = “{ $size }” is not a size. Write 2048x1152, 16:9 or 2K. [{ $code }]
error-silenced = The bot was muted in this group or removed from it, so nothing was drawn and nothing charged. [{ $code }]
error-quote-gone = The quoted message can no longer be fetched, so nothing was drawn. Please send the picture again. [{ $code }]
