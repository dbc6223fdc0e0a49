"""Who comes to a few places at once waits in order, and the line is as long as it may be and no longer."""

import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from tests.event_loop import run_alone
from twin.server.waiting_line import LineLimits, Place, WaitingLine

NEVER_S = 3600.0
LIMITS = LineLimits(places=2, standing=3, sudden=5, sudden_s=1.0, long_s=NEVER_S, beside=1)


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def in_loop[T](work: Callable[[], T], limits: LineLimits = LIMITS) -> T:
    async def run() -> T:
        return work()

    return run_alone(run())


def taken(line: WaitingLine) -> Place:
    place = line.take()
    assert place is not None
    return place


def test_as_many_as_there_are_places_are_at_work_and_the_others_come_in_order() -> None:
    def work() -> list[list[bool]]:
        line = WaitingLine(LIMITS)
        first, second = taken(line), taken(line)
        assert line.take() is None
        turns = [line.join() for _ in range(3)]
        seen = [[turn.done() for turn in turns]]
        for place in (first, second):
            place.give_back()
            seen.append([turn.done() for turn in turns])
        return seen

    assert in_loop(work) == [[False] * 3, [True, False, False], [True, True, False]]


def test_a_line_that_came_up_just_now_may_be_long_and_one_that_stands_may_not() -> None:
    def work() -> list[bool]:
        clock = Clock()
        line = WaitingLine(LIMITS, clock)
        held = [taken(line), taken(line)]
        turns = []
        found = []
        for _ in range(LIMITS.sudden):
            found.append(line.is_full())
            turns.append(line.join())
        found.append(line.is_full())  # five of five wait
        held.pop().give_back()
        found.append(line.is_full())  # four of five
        clock.now_s = LIMITS.sudden_s
        found.append(line.is_full())  # and now they have waited for long: four of three
        turns[0].result().give_back()
        found.append(line.is_full())  # three of three
        turns[1].result().give_back()
        found.append(line.is_full())  # two of three
        return found

    assert in_loop(work) == [False] * 5 + [True, False, True, True, False]


def test_a_line_that_came_to_its_end_is_a_new_one() -> None:
    def work() -> bool:
        clock = Clock()
        line = WaitingLine(LIMITS, clock)
        held = [taken(line), taken(line)]
        turn = line.join()
        held[0].give_back()
        assert turn.done()
        clock.now_s = 100.0
        for _ in range(LIMITS.standing):
            line.join()
        return line.is_full()

    assert in_loop(work) is False


def test_who_leaves_frees_his_place_also_when_his_turn_has_just_come() -> None:
    def work() -> tuple[int, list[bool], bool]:
        line = WaitingLine(LIMITS)
        held = [taken(line), taken(line)]
        turns = [line.join() for _ in range(3)]
        line.leave(turns[1])
        length = line.length
        held[0].give_back()
        line.leave(turns[0])  # it was his turn already
        came = [turns[0].done(), turns[2].done()]
        held[1].give_back()
        turns[2].result().give_back()
        return length, came, line.take() is not None and line.take() is not None and line.take() is None

    assert in_loop(work) == (2, [True, True], True)


def test_a_place_is_given_back_once() -> None:
    def work() -> bool:
        line = WaitingLine(LIMITS)
        place = taken(line)
        place.give_back()
        place.give_back()
        return line.take() is not None and line.take() is not None and line.take() is None

    assert in_loop(work)


def test_who_is_at_work_for_long_is_no_longer_counted() -> None:
    async def run() -> None:
        line = WaitingLine(LineLimits(places=1, standing=1, sudden=1, sudden_s=0.0, long_s=0.0, beside=1))
        slow = taken(line)
        turn = line.join()
        await turn
        slow.give_back()
        assert line.take() is None  # what was given back after a while is not given back again

    run_alone(run())


def test_of_those_at_work_for_long_a_bounded_number_leaves_its_place_and_the_others_keep_theirs() -> None:
    def work() -> list[list[bool]]:
        line = WaitingLine(LIMITS)
        working = [taken(line), taken(line)]
        turns = [line.join() for _ in range(3)]
        seen = []
        for place in (*working, working[0]):
            place.stays()
            seen.append([turn.done() for turn in turns])
        working[0].give_back()  # the second stands beside instead of it
        seen.append([turn.done() for turn in turns])
        turns[0].result().stays()
        seen.append([turn.done() for turn in turns])
        turns[0].result().give_back()  # it had its place still
        seen.append([turn.done() for turn in turns])
        return seen

    came = [[True, False, False]] * 3 + [[True, True, False]] * 2 + [[True] * 3]
    assert in_loop(work) == came


@given(
    st.lists(st.tuples(st.sampled_from(["come", "finish", "stay", "leave", "tick"]), st.integers(0, 20)), max_size=60),
    st.integers(1, 3),
    st.integers(0, 4),
    st.integers(0, 4),
    st.integers(0, 2),
)
def test_nobody_waits_beside_a_free_place_nobody_overtakes_and_the_bound_holds(
    steps: list[tuple[str, int]], places: int, standing: int, more: int, beside: int
) -> None:
    limits = LineLimits(places, standing, standing + more, 3.0, NEVER_S, beside)

    async def run() -> None:
        clock = Clock()
        line = WaitingLine(limits, clock)
        working: list[Place] = []
        long: set[Place] = set()
        waiting: list[asyncio.Future[Place]] = []
        for step, number in steps:
            if step == "come":
                if (place := line.take()) is not None:
                    assert not waiting
                    working.append(place)
                elif not line.is_full():
                    waiting.append(line.join())
            elif step == "finish" and working:
                working.pop(number % len(working)).give_back()
            elif step == "stay" and working:
                long.add(working[number % len(working)])
                working[number % len(working)].stays()
            elif step == "leave" and waiting:
                line.leave(waiting.pop(number % len(waiting)))
            elif step == "tick":
                clock.now_s += number
            came = [turn.done() for turn in waiting]
            assert came == sorted(came, reverse=True)
            working += [turn.result() for turn in waiting if turn.done()]
            waiting = [turn for turn in waiting if not turn.done()]
            in_places = len(working) - min(len(long & set(working)), beside)
            assert in_places <= places
            assert not waiting or in_places == places
            assert line.length == len(waiting) <= limits.sudden
        for turn in waiting:
            line.leave(turn)
        for place in working:
            place.give_back()

    run_alone(run())
