"""The Autobahn cases against sockets that lead to something which sends back what it hears.

9.* measure, 12.* and 13.* are about permessage-deflate, which is not offered. First all of them on the relay. Then on the
channels, where somebody else on the same channel does the sending back: each of them has one case at a time, and they take
turns, so that what comes back late for one case does not meet the next.
"""

import asyncio
import collections
import os
import sys

import kosoku

LEFT_OUT = ["9.*", "12.*", "13.*"]
MAX_NON_STRICT = 2


async def run(url, cases=None, concurrency=1):
    try:
        return await kosoku.run_fuzzingclient(url, cases, LEFT_OUT, concurrency)
    except kosoku.FailureError as failure:
        return failure.results


async def on_channels(urls, cases):
    free = asyncio.Queue()
    for url in urls:
        free.put_nowait(url)

    async def one(case):
        url = await free.get()
        try:
            return (await run(url, [case]))[0]
        finally:
            free.put_nowait(url)

    results = []
    # Half of the channels rest at any time.
    for start in range(0, len(cases), len(urls) // 2):
        some = cases[start : start + len(urls) // 2]
        results += await asyncio.gather(*(one(case) for case in some))
    return results


async def patiently(results, again):
    """Each case has a second or so. What a busy machine made late is asked again, with nothing beside it, a few times."""
    patient = []
    for result in results:
        for _ in range(5):
            if result.passed:
                break
            result = await again(result.case_id)
        patient.append(result)
    return patient


def passes(name, results, least, echo_is_theirs):
    behaviors = collections.Counter(result.behavior.value for result in results)
    closes = collections.Counter(result.behavior_close.value for result in results)
    print(f"{name}: {len(results)} cases: {dict(behaviors)}, closing: {dict(closes)}")
    non_strict = [result for result in results if result.behavior.value == "NON-STRICT"]
    if echo_is_theirs:
        # A violation ends the session at once, and what was said before it comes back from somebody else a moment later.
        # The socket heard nothing wrong, only nothing.
        late = [result for result in non_strict if not result.received]
        print(f"{name}: without the echo of what came before a violation: {[result.case_id for result in late]}")
        non_strict = [result for result in non_strict if result.received]
    failed = [result for result in results if not result.passed]
    for result in failed + non_strict:
        print(
            f"{name} {result.case_id}: {result.behavior.value}, closing: {result.behavior_close.value}",
            f"({result.remote_close_code} {result.remote_close_reason})",
            f"expected: {result.expectation} received: {str(result.received)[:300]}",
        )
    return not failed and len(results) >= least and len(non_strict) <= MAX_NON_STRICT


async def main():
    relay_url = os.environ["WEIR_RELAY_URL"]
    relay = await run(relay_url, concurrency=4)
    cases = [result.case_id for result in relay]

    async def relay_again(case):
        return (await run(relay_url, [case]))[0]

    relay = await patiently(relay, relay_again)
    good = passes("relay", relay, 240, echo_is_theirs=False)

    urls = os.environ["WEIR_CHANNEL_URLS"].split()
    channels = await on_channels(urls, cases)

    async def channel_again(case):
        urls.append(urls.pop(0))
        return (await run(urls[0], [case]))[0]

    channels = await patiently(channels, channel_again)
    good &= passes("channel", channels, 240, echo_is_theirs=True)
    sys.stdout.flush()
    # Not `sys.exit`: threads of the library may still hold on to the interpreter, which aborts then.
    os._exit(0 if good else 1)


asyncio.run(main())
