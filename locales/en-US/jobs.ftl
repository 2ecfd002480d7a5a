### What is said while a job is on its way and when it is done.

job-accepted = Got it, drawing now.
job-queued = Got it. Yours is number { $position } in the queue. (No. { $job })
job-aside = The provider is busy with earlier ones. Yours starts when its turn comes. (No. { $job })
job-rendering = The provider is on it. A clip usually takes a few minutes and will be posted here. (No. { $job })
job-unrecorded = It is done, but this machine’s disk can’t be written right now, so it can’t be sent yet. It will come by itself; there is no need to ask again. [{ $code }]
job-cancelled = No. { $job } is cancelled.
job-cancelled-begun = No. { $job } is cancelled. If the provider has already begun, it may still charge for it.

job-list-title = In progress and waiting ({ $count }):
job-list-title-chat = In progress and waiting here ({ $count }):
job-list-empty = Nothing is in progress or waiting.
job-list-running = No. { $job }: { $what }, in progress for { $seconds } s
job-list-rendering = No. { $job }: { $what }, the provider is at work, { $seconds } s so far
job-list-rendering-percent = No. { $job }: { $what }, { $percent }% done at the provider, { $seconds } s so far
job-list-aside = No. { $job }: { $what }, waiting for the provider, { $seconds } s so far
job-list-sending = No. { $job }: { $what }, done, being sent
job-list-ending = No. { $job }: { $what }, ended, still to be told
job-list-waiting = No. { $job }: { $what }, place { $position } in the queue
job-list-more = { $count } more not shown.
job-list-hint = To cancel one: { $command }

kind-draw = drawing
kind-edit = editing
kind-video = clips

## Words that come with a picture

style-figurine-pvc = PVC figure
style-figurine-resin = Resin statue
style-figurine-cabinet = Display cabinet figure
caption-clip = 🎬 Your clip is done!
caption-preset = ✨ { $style }: done!

note-first-frame = Only the first frame of the animation was used.
note-as-file = It couldn’t be shown here, so it came as a file: the one above.
note-quote-gone = The quoted message could not be fetched and was left out.
note-pictures-left-out = Of { $given } pictures, only the first { $used } were used.
note-count-unmet = { $max } pictures at a time are the most (x{ $max }), so this is one.
note-size-unmet = The size wasn’t used: each side must have { $least } to { $most } pixels.
note-maybe-charged = It may have been charged all the same.
note-others-too = The same goes for { $more ->
        [one] another request
       *[other] { $more } other requests
    } of yours.
note-fewer-charged = You asked for { $wished }; { $made } turned out. The others may have been charged all the same.
note-fewer = You asked for { $wished }; { $made } turned out.
