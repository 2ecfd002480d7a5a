"""Prints easel's measurements beside the reference bot's, with the goals. Called by tests/bench.

Usage: bench-table.py RESULTS_DIR FSYNC_P50_MS
"""

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path


def numbers(prefix, value, into):
    if isinstance(value, bool):
        return
    if isinstance(value, (int, float)):
        into[prefix].append(float(value))
    elif isinstance(value, dict):
        for key, inner in value.items():
            numbers(f"{prefix}.{key}" if prefix else key, inner, into)


def load(folder):
    found = defaultdict(lambda: defaultdict(list))
    for path in Path(folder).glob("*.jsonl"):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            peer = "easel" if record["peer"].startswith("easel") else "ideal"
            if "error" in record:
                print(f"! {record['peer']} {record['scenario']}: {record['error']}")
                continue
            numbers("", record["result"], found[peer, record["scenario"]])
    return found


def main():
    folder, fsync = sys.argv[1], float(sys.argv[2])
    found = load(folder)

    def median(peer, scenario, name):
        values = found.get((peer, scenario), {}).get(name, [])
        return statistics.median(values) if values else float("nan")

    rows = []

    def row(scenario, what, easel, ideal, goal, met):
        rows.append((scenario, what, f"{easel:,.2f}", f"{ideal:,.2f}", goal, "yes" if met else "NO"))

    e, i = (lambda s, n: median("easel", s, n)), (lambda s, n: median("ideal", s, n))
    value = e("S6", "first_answer_ms")
    row("S6", "cold start to first answer, ms", value, i("S6", "first_answer_ms"), "<= 150", value <= 150)
    value = e("S7", "rss_MB")
    row("S7", "resident after 60 s idle, MB", value, i("S7", "rss_MB"), "<= 17", value <= 17)
    value = e("S7A", "rss_MB")
    row("S7A", "resident after S1 S3 S8 S2, MB", value, i("S7A", "rss_MB"), "<= 25", value <= 25)
    value, ideal = e("S2", "events_per_s"), i("S2", "events_per_s")
    row("S2", "chatter, events/s", value, ideal, f">= ideal/8 = {ideal / 8:,.0f}", value >= ideal / 8)
    value = e("S2", "cpu_s_per_100k")
    row("S2", "CPU s per 100,000", value, i("S2", "cpu_s_per_100k"), "<= 1.0", value <= 1.0)
    calls = {peer: sum(median(peer, "S2", name) for name in found.get((peer, "S2"), {}) if name.startswith("api_calls.")) for peer in ("easel", "ideal")}
    row("S2", "API calls (the probes' answers alone)", calls["easel"], calls["ideal"], "as ideal", calls["easel"] <= calls["ideal"])
    value, ideal = e("S2P", "cpu_s_per_100k"), i("S2P", "cpu_s_per_100k")
    row("S2P", "CPU s per 100,000 at 100/s", value, ideal, f"<= 2 x ideal = {2 * ideal:.2f}", value <= 2 * ideal)
    value, ideal = e("S1", "one_in_flight.p50_ms"), i("S1", "one_in_flight.p50_ms")
    row("S1", "help p50, ms", value, ideal, f"<= 4 x ideal = {4 * ideal:.3f}", value <= 4 * ideal)
    value, ideal = e("S1", "one_in_flight.p99_ms"), i("S1", "one_in_flight.p99_ms")
    row("S1", "help p99, ms", value, ideal, f"<= ideal + 1 = {ideal + 1:.3f}", value <= ideal + 1)
    value, ideal = e("S3", "commands_per_s"), i("S3", "commands_per_s")
    row("S3", "help, 32 in flight, per s", value, ideal, f">= 0.3 x ideal = {0.3 * ideal:,.0f}", value >= 0.3 * ideal)
    value, ideal = e("S4", "c1.e2e.p50_ms"), i("S4", "c1.e2e.p50_ms")
    goal = 1.5 * ideal + 2 * fsync
    row("S4", "2 MB picture p50, ms", value, ideal, f"<= 1.5 x ideal + 2 fsync = {goal:.2f}", value <= goal)
    value, ideal = e("S4", "c64.images_per_s"), i("S4", "c64.images_per_s")
    row("S4", "2 MB, 64 in flight, pictures/s", value, ideal, f">= 0.6 x ideal = {0.6 * ideal:.1f}", value >= 0.6 * ideal)
    value, ideal = e("S4L", "e2e.p50_ms"), i("S4L", "e2e.p50_ms")
    goal = 1.3 * ideal + 2 * fsync
    row("S4L", "8 MB picture p50, ms", value, ideal, f"<= 1.3 x ideal + 2 fsync = {goal:.2f}", value <= goal)
    value = e("S4M", "rss_peak_MB")
    row("S4M", "64 x 8 MB at once, peak MB", value, i("S4M", "rss_peak_MB"), "<= 128 MiB + 60 = 194", value <= 194)
    value, idle = e("S4M", "rss_after_MB"), e("S7", "rss_MB")
    row("S4M", "ten seconds later, MB", value, i("S4M", "rss_after_MB"), f"<= idle + 40 = {idle + 40:.0f}", value <= idle + 40)
    value = e("S4M", "lost")
    row("S4M", "lost", value, i("S4M", "lost"), "0", value == 0)
    value, ideal = e("S5", "e2e.p50_ms"), i("S5", "e2e.p50_ms")
    goal = 1.5 * ideal + 2 * fsync
    row("S5", "edit, quoted 2 MB, p50, ms", value, ideal, f"<= 1.5 x ideal + 2 fsync = {goal:.2f}", value <= goal)
    value = e("S8", "other_group.p50_ms")
    row("S8", "other group during a flood, ms", value, i("S8", "other_group.p50_ms"), "<= 10", value <= 10)

    print(f"\none fsync (append of 4 KiB + fdatasync), p50: {fsync:.2f} ms\n")
    print("| scenario | what | easel | ideal-decode | goal | met |")
    print("| --- | --- | ---: | ---: | --- | --- |")
    for cells in rows:
        print("| " + " | ".join(cells) + " |")


main()
