### What is said while a job is on its way and when it is done.

job-accepted = Got it, drawing now.
job-queued = Got it. { $ahead ->
        [one] One job is
       *[other] { $ahead } jobs are
    } ahead of yours. (No. { $job })
job-cancelled = No. { $job } is cancelled.
job-cancelling = Cancelling no. { $job }. If the provider has already begun, it may still be charged.

job-list-title = In work and waiting ({ $count }):
job-list-title-chat = In work and waiting here ({ $count }):
job-list-empty = Nothing is in work or waiting.
job-list-running = No. { $job }: { $what }, drawing for { $seconds } s
job-list-sending = No. { $job }: { $what }, done, being sent
job-list-waiting = No. { $job }: { $what }, place { $position } in the queue
job-list-more = { $count } more not shown.
job-list-hint = To cancel one: { $command }

kind-draw = drawing
kind-edit = edit
kind-selfie = selfie
kind-video = clip

## Words that come with a picture

style-figurine-pvc = PVC figure
style-figurine-resin = Resin statue
style-figurine-cabinet = Display cabinet figure
caption-preset = ✨ { $style }: done!
caption-edit = ✨ Edited!
caption-sketch = ✏️ This is an offline sketch, made without an AI model.

resend-caption = Your last picture once more.
resend-again = The last picture may not have arrived. If you don’t see it, { $command } fetches it again.

note-first-frame = Only the first frame of the animation was used.
note-pictures-dropped = This service looks at { $used ->
        [one] one picture
       *[other] { $used } pictures
    } at most; { $dropped } more went unused.
note-references-ignored = This service draws from words alone, so the pictures weren’t used.
note-fewer = You asked for { $wished }; { $made } turned out.
note-as-file = The picture is large, so it comes as a file.
note-smaller = The original couldn’t be sent; this one is compressed.
