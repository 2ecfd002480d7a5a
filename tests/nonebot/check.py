"""Lets NoneBot talk to the fake OneBot implementation and checks what both understood.

Usage: check.py reverse|forward|http|refused DIALECT, from the top of the repository.
"reverse": NoneBot listens and the fake dials. "forward": the fake listens and NoneBot dials.
"http": the fake posts signed events to NoneBot, which calls the fake's HTTP API.
"refused": the fake shows a wrong token and has to report how NoneBot refused it.
Two sockets of one account (roles Api and Event) are not checked here: NoneBot refuses the second one.
"""

import asyncio
import json
import os
import socket
import sys
import traceback

import nonebot
from nonebot.adapters.onebot.v11 import (
    ActionFailed,
    Adapter,
    Bot,
    GroupMessageEvent,
    Message,
    MessageSegment,
    PrivateMessageEvent,
)

SELF_ID = 3001000001
GROUP = 700000001
USER = 2200000011
TOKEN = "a token"
PICTURE = bytes(range(256))
SECONDS_FOR_ALL = 90

direction, dialect = sys.argv[1:]


class Fake:
    """The fake implementation, a child process that is commanded line by line."""

    async def start(self, *arguments):
        command = ["cargo", "run", "--quiet", "-p", "easel-testkit", "--example", "fake_onebot", "--"]
        self.process = await asyncio.create_subprocess_exec(
            *command,
            *arguments,
            "--dialect",
            dialect,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return await self.line()

    async def line(self):
        line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError("the fake implementation ended")
        return json.loads(line)

    async def do(self, command, **arguments):
        self.process.stdin.write(json.dumps({"do": command, **arguments}).encode() + b"\n")
        return await self.line()


def expect(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {actual!r}")


async def check_events(fake, events):
    """Text, pictures, mentions and quotations arrive as NoneBot's own types."""
    url = "http://127.0.0.1:9/cat.png?a=1&b=2"
    quoted = await fake.do("keep", group=GROUP, user=1200000022, text="原图", image=url)
    for cq in (False, True):
        reply = quoted["message_id"]
        sent = await fake.do("send", group=GROUP, reply=reply, at=SELF_ID, text=" /生图 猫[一只], 狗", image=url, cq=cq)
        event = await events.get()
        expect(type(event), GroupMessageEvent, "type of a group message")
        expect((event.group_id, event.user_id, event.self_id), (GROUP, USER, SELF_ID), "ids")
        expect(event.message_id, sent["message_id"], "message id")
        expect(event.sender.role, "member", "role")
        expect(event.to_me, True, "mention of the bot")
        # NoneBot takes the quotation and the mention out of the message; the quoted one it looks up by get_msg.
        expect(event.reply.message_id, reply, "quoted message")
        expect([part.type for part in event.reply.message], ["text", "image"], "parts of the quoted message")
        expect([part.type for part in event.message], ["text", "image"], "parts")
        expect(event.message[0].data["text"].strip(), "/生图 猫[一只], 狗", "text")
        expect(event.message[1].data["url"], url, "url of the picture")
        expect(event.original_message[0].type, "reply", "first part as it came")
    await fake.do("send", text="在吗")
    event = await events.get()
    expect((type(event), event.sub_type), (PrivateMessageEvent, "friend"), "private message")
    await fake.do("send", temporary=GROUP, text="临时")
    event = await events.get()
    expect((type(event), event.sub_type), (PrivateMessageEvent, "group"), "temporary session")
    # Neither may upset NoneBot; it logs what it can't parse and closes nothing.
    await fake.do("heartbeat")
    await fake.do("react", group=GROUP, user=USER, message_id=sent["message_id"])
    await fake.do("send", group=GROUP, text="仍在")
    expect((await events.get()).get_plaintext(), "仍在", "message after a heartbeat and a notice")


async def check_calls(fake, bot):
    """NoneBot's calls get proper answers, and failures are raised."""
    login = await bot.get_login_info()
    expect(login["user_id"], SELF_ID, "own number")
    version = await bot.get_version_info()
    names = {"napcat": "NapCat.Onebot", "llbot": "LLOneBot", "lagrange": "Lagrange.OneBot", "gocqhttp": "go-cqhttp"}
    expect(version["app_name"], names[dialect], "name of the implementation")
    message = MessageSegment.at(USER) + MessageSegment.text(" 完成 [1]") + MessageSegment.image(PICTURE)
    answer = await bot.send_group_msg(group_id=GROUP, message=Message(message))
    sent = await fake.do("next_send")
    expect((sent["action"], sent["group"], sent["text"]), ("send_group_msg", GROUP, " 完成 [1]"), "message sent")
    expect((sent["mentions"], sent["delivered"]), ([str(USER)], True), "mention, delivery")
    expect([bytes(picture) for picture in sent["pictures"]], [PICTURE], "bytes of the picture")
    kept = await bot.get_msg(message_id=answer["message_id"])
    expect((kept["message_id"], kept["message_type"]), (answer["message_id"], "group"), "own message looked up")
    expect([part["type"] for part in kept["message"]], ["at", "text", "image"], "parts of the own message")
    await fake.do("admin", group=GROUP, user=USER)
    member = await bot.get_group_member_info(group_id=GROUP, user_id=USER, no_cache=False)
    expect((member["role"], member["nickname"]), ("admin", "管理员小李"), "member")
    # Over HTTP NapCat and LLOneBot say 200 where an action failed or is unknown.
    http = direction == "http"
    failed, unknown = (200, 200) if http else (1200, 1404)
    await check_failure(
        bot.get_msg(message_id=12345), {"napcat": failed, "llbot": failed, "lagrange": 200, "gocqhttp": 100}
    )
    await check_failure(
        bot.call_api("no_such_action"), {"napcat": unknown, "llbot": unknown, "lagrange": 404, "gocqhttp": 404}
    )
    await fake.do("fail", action="send_group_msg", retcode=1200, text="rich media transfer failed")
    failure = await check_failure(bot.send_group_msg(group_id=GROUP, message="猫"), dict.fromkeys(names, 1200))
    if dialect != "lagrange":
        expect(failure.info["wording"], "rich media transfer failed", "text of the failure")
    expect((await fake.do("next_send"))["delivered"], False, "delivery of a failed message")
    answer = await bot.send_private_msg(user_id=USER, message="[CQ:face,id=178]好")
    expect((await fake.do("next_send"))["text"], "好", "message after a failure")
    calls = await fake.do("calls")
    expect(calls.count("send_group_msg"), 2, "number of calls")


async def check_failure(call, retcodes):
    try:
        answer = await call
    except ActionFailed as failure:
        expect(failure.info["retcode"], retcodes[dialect], "retcode")
        return failure
    raise AssertionError(f"no failure but {answer!r}")


async def check_signatures(fake):
    """NoneBot takes the fake's signature, and neither a wrong one nor none."""
    expect(await fake.do("enable"), {"status": 204}, "signed event")
    expect(await fake.do("forge", signature="sha1=" + "0" * 40), {"status": 403}, "wrong signature")
    expect(await fake.do("forge"), {"status": 401}, "no signature")


async def finish(work):
    """Runs the checks and ends the whole process; NoneBot's own shutdown has nothing to add."""
    code = 1
    try:
        await asyncio.wait_for(work, SECONDS_FOR_ALL)
        code = 0
        print(f"ok   {direction} {dialect}")
    except BaseException:
        traceback.print_exc()
        print(f"FAIL {direction} {dialect}")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    port = free_port()
    fake = Fake()
    settings = {"host": "127.0.0.1", "port": port, "log_level": "ERROR", "onebot_access_token": TOKEN}
    if direction == "forward":
        url = f"ws://127.0.0.1:{port}"
        settings |= {"driver": "~websockets", "onebot_ws_urls": [url]}
    else:
        settings["driver"] = "~fastapi+~httpx"
        url = f"ws://127.0.0.1:{port}/onebot/v11/ws"
    if direction == "http":
        settings["onebot_secret"] = TOKEN
        url = f"http://127.0.0.1:{port}/onebot/v11/http"
    events = asyncio.Queue()
    connected = asyncio.Queue()

    nonebot.init(**settings)
    driver = nonebot.get_driver()
    if direction == "forward":

        # NoneBot dials after its startup functions.
        @driver.on_startup
        async def listen():
            address = f"127.0.0.1:{port}"
            expect(await fake.start("--listen", address, "--token", TOKEN), {"ready": url}, "start of the fake")

    driver.register_adapter(Adapter)

    @driver.on_bot_connect
    async def remember(bot: Bot):
        await connected.put(bot)

    async def take(event: GroupMessageEvent | PrivateMessageEvent):
        await events.put(event)

    nonebot.on_message(handlers=[take])

    async def talk():
        if direction == "reverse":
            expect(await fake.start("--connect", url, "--token", TOKEN), {"ready": url}, "start of the fake")
        if direction == "http":
            ready = await fake.start("--post", url, "--token", TOKEN)
            # The address of the API is known only now.
            nonebot.get_adapter(Adapter).onebot_config.onebot_api_roots = {str(SELF_ID): ready["ready"]}
            await check_signatures(fake)
        bot = await connected.get()
        expect(bot.self_id, str(SELF_ID), "account")
        await check_events(fake, events)
        await check_calls(fake, bot)

    async def be_refused():
        expect(await fake.start("--connect", url, "--token", "wrong"), {"refused": 403}, "wrong token")

    tasks = set()

    @driver.on_startup
    async def start():
        async def later():
            if direction != "forward":
                # Startup functions run before NoneBot listens.
                await listening(port)
            await finish(be_refused() if direction == "refused" else talk())

        tasks.add(asyncio.create_task(later()))

    nonebot.run()


async def listening(port):
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.05)


main()
