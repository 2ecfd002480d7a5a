### Help and lists as members of a chat see them. Plain text, no markup.
### $prefix is the command prefix and may be empty.

list-separator = {", "}

span-seconds = { $count ->
    [one] 1 second
   *[other] { $count } seconds
    }
span-minutes = { $count ->
    [one] 1 minute
   *[other] { $count } minutes
    }
span-hours = { $count ->
    [one] 1 hour
   *[other] { $count } hours
    }
span-days = { $count ->
    [one] 1 day
   *[other] { $count } days
    }
ago = { $span } ago
ago-now = just now
ago-unknown = some time ago

help-title = 🎨 I draw and edit pictures:
help-draw =
    { $prefix }draw description — a picture from words
    {"  "}For example { $prefix }draw a corgi running across a meadow 16:9
help-edit =
    { $prefix }edit instructions — changes a picture (send it along, or quote one)
    {"  "}For example { $prefix }edit make it a rainy street at night
help-figurines =
    { $prefix }figurine — a PVC figure with its box
    { $prefix }figurine2 — a collectible resin statue
    { $prefix }figurine3 — a figure in a display cabinet
    {"  "}Without a picture, the person you mention or your own avatar is used
help-video =
    { $prefix }video description — a short clip (with a picture it begins with that one; it takes a few minutes)
    {"  "}For example { $prefix }video a small boat drifts into the sunset
help-presets = There are also these presets: { $names }
help-jobs =
    { $prefix }resend — didn’t get the picture? Once more
    { $prefix }jobs — what is being drawn and what is waiting
    { $prefix }cancel — cancels your latest picture
    {"  "}For example { $prefix }cancel 3
help-more-draw = Shape, size and number of pictures: { $prefix }help draw
help-more-edit = More about editing: { $prefix }help edit

help-draw-details =
    🎨 How to draw
    { $prefix }draw description — whatever you want to see, over several lines if you like, up to 4,000 characters
    {"  "}For example { $prefix }draw a cabin below snowy mountains at dusk in warm light
    Shape: write 16:9, 9:16, 1:1, 4:3, 3:4, 3:2, 2:3, 21:9 or 9:21 as a word of its own; for any other shape write ratio 5:4
    {"  "}For example { $prefix }draw a starry sky 21:9
    Size: write 1K, 2K or 4K at the beginning or the end, or 2048x1152 (256 to 4096 per side)
    {"  "}For example { $prefix }draw a starry sky 2048x1152
    How many: end with x2 to x9
    {"  "}For example { $prefix }draw a cat x2
    To go by a picture: send it along, or quote it
    Other names: aiimg, 生图, 画图, 绘图, 出图, 文生图
help-edit-details =
    🖌️ How to edit
    { $prefix }edit instructions — the picture may come before, after or between the words, or be one you quote
    {"  "}For example { $prefix }edit put it by the sea
    Just sent a picture? Within two minutes the command alone edits your last one
    With several pictures, say “the first” and “the second”
    {"  "}For example { $prefix }edit put the person of the first picture into the room of the second
    Without instructions, the picture is only made to look better; what it shows stays
    Shape and size are written as for drawing
    {"  "}For example { $prefix }edit turn it into a watercolor 3:4
    Other names: aiedit, 改图, 图生图, 修图

verb-cancel = cancel
example-draw = draw a corgi running across a meadow
example-video = video a small boat drifts into the sunset
example-preset = { $preset } a corgi running across a meadow
presets-list = Presets you can use: { $names }
presets-none = There are no presets yet.
