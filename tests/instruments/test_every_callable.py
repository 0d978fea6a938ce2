"""Every kind of callable is measured, and otherwise behaves as before."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import operator
import pickle
import traceback
import weakref
from collections.abc import Iterator
from typing import Any, Self

import attrs
import cloudpickle
import pytest

import perfkit
from perfkit import Metric, memory_profiled, timed
from perfkit.testing import FakeClock


@timed
def numbers(count: int) -> Iterator[int]:
    """Count."""
    yield from range(count)


@timed
def double(number: int) -> int:
    return number * 2


measured_sum = timed(sum)


@timed
class Point:
    """A place."""

    def __init__(self, x: int, y: int = 0) -> None:
        self.x, self.y = x, y


class Point3(Point):
    def __init__(self, x: int, y: int, z: int) -> None:
        super().__init__(x, y)
        self.z = z


def _names(seen: Any) -> list[str]:
    return [m.where.function.rpartition(".")[2] for m in seen.measurements]


# -- methods, and the decorators around them


class Store:
    """Has every kind of method, decorated on either side."""

    @timed
    @classmethod
    def make(cls) -> type[Store]:
        return cls

    @classmethod
    @timed
    def make_below(cls) -> type[Store]:
        return cls

    @timed
    @staticmethod
    def parse(text: str) -> int:
        return int(text)

    @staticmethod
    @timed
    def parse_below(text: str) -> int:
        return int(text)

    @timed
    @property
    def size(self) -> int:
        """How many."""
        return 3

    @property
    @timed
    def size_below(self) -> int:
        return 3

    @timed
    @functools.cached_property
    def expensive(self) -> object:
        return object()

    @timed
    def rows(self, count: int) -> Iterator[int]:
        yield from range(count)


class SubStore(Store):
    @classmethod
    def make(cls) -> type[Store]:
        return super().make()


def test_methods_bind_as_before_on_either_side(seen: Any) -> None:
    store = SubStore()
    assert (SubStore.make(), store.make_below()) == (SubStore, SubStore)
    assert (Store.parse("3"), store.parse_below("4")) == (3, 4)
    assert (store.size, store.size_below) == (3, 3)
    assert store.expensive is store.expensive
    assert list(store.rows(2)) == list(Store.rows(store, 2)) == [0, 1]
    assert _names(seen) == [
        "make",
        "make_below",
        "parse",
        "parse_below",
        "size",
        "size_below",
        "expensive",
        "rows",
        "rows",
    ]
    assert Store.size.__doc__ == "How many."


def test_a_property_with_a_setter_is_refused_with_the_place_to_put_it() -> None:
    with pytest.raises(TypeError, match=r"below @property or @NAME\.setter"):
        timed(property(operator.attrgetter("x"), lambda self, value: None))


# -- objects and builtins


def test_a_builtin_is_measured_and_does_not_start_to_bind(seen: Any) -> None:
    class Holder:
        total = measured_sum

    assert measured_sum([1, 2]) == 3
    assert Holder().total([3, 4]) == 7
    assert measured_sum == sum
    assert hash(measured_sum) == hash(sum)
    assert _names(seen) == ["sum", "sum"]


def test_a_partial_keeps_its_parts(seen: Any) -> None:
    part = timed(functools.partial(double, number=4))
    assert part() == 8
    assert part.keywords == {"number": 4}
    assert isinstance(part, functools.partial)
    assert copy.copy(part)() == 8
    assert copy.deepcopy(part)() == 8


def test_a_partial_of_a_coroutine_or_generator_function_is_measured_as_that(seen: Any) -> None:
    async def load(key: str) -> str:
        await asyncio.sleep(0)
        return key

    partial_load = timed(functools.partial(load, "k"))
    assert inspect.iscoroutinefunction(partial_load)
    assert asyncio.run(partial_load()) == "k"
    assert list(timed(functools.partial(_count, 2))()) == [0, 1]
    assert _names(seen) == ["load", "_count"]


def _count(count: int) -> Iterator[int]:
    yield from range(count)


def test_a_cache_keeps_its_methods(seen: Any) -> None:
    @timed
    @functools.lru_cache
    def square(number: int) -> int:
        return number * number

    assert [square(3), square(3)] == [9, 9]
    assert square.cache_info().hits == 1
    assert len(seen.measurements) == 2


def test_single_dispatch_works_on_either_side(seen: Any) -> None:
    @timed
    @functools.singledispatch
    def show(value: object) -> str:
        return "object"

    @show.register
    @timed
    def _(value: int) -> str:
        return "int"

    assert (show("x"), show(3)) == ("object", "int")
    assert len(seen.measurements) == 3


def test_an_object_with_an_async_call_is_awaited_inside_the_measurement(
    seen: Any, clock: FakeClock
) -> None:
    perfkit.configure(perfkit.Catalog(), observers=[seen], clock=clock)

    class Loader:
        async def __call__(self, key: str) -> str:
            await asyncio.sleep(0)
            clock.advance(2)
            return key

    assert asyncio.run(timed(Loader())("k")) == "k"
    assert seen.measurements[0].value(Metric.DURATION) == 2


def test_a_bound_method_can_be_measured_from_outside(seen: Any) -> None:
    words: list[str] = []
    append = timed(words.append)
    append("a")
    assert words == ["a"]
    assert append.__self__ is words


# -- classes


def test_a_class_stays_the_class_and_its_construction_is_measured(seen: Any) -> None:
    point = Point(1, y=2)
    assert (point.x, point.y, type(point)) == (1, 2, Point)
    assert _names(seen) == ["Point"]
    assert str(inspect.signature(Point)) == "(x: 'int', y: 'int' = 0) -> 'None'"
    assert pickle.loads(pickle.dumps(point)).x == 1  # noqa: S301 - our own bytes


def test_the_construction_of_a_subclass_is_not_that_of_the_class(seen: Any) -> None:
    point = Point3(1, 2, 3)
    assert (point.x, point.z, isinstance(point, Point)) == (1, 3, True)
    assert seen.measurements == []


def test_a_class_with_only_new_an_attrs_class_and_a_builtin_are_measured(seen: Any) -> None:
    @timed
    class Upper(str):
        __slots__ = ()

        def __new__(cls, text: str) -> Self:
            return super().__new__(cls, text.upper())

    @timed
    @attrs.frozen
    class Pair:
        left: int
        right: int = 2

    assert Upper("a") == "A"
    assert Pair(1) == Pair(1, 2)
    assert timed(dict)(a=1) == {"a": 1}
    assert _names(seen) == ["Upper", "Pair", "Pair", "dict"]


def test_a_class_that_inherits_its_constructor_takes_what_it_took(seen: Any) -> None:
    @timed
    class Pair(tuple[int, int]):
        __slots__ = ()

    @timed
    class Plain:
        pass

    class Kept(Plain):
        def __new__(cls, value: int) -> Self:
            return super().__new__(cls)

    assert Pair([1, 2]) == (1, 2)
    assert isinstance(Plain(), Plain)
    assert isinstance(Kept(1), Plain)
    with pytest.raises(TypeError, match=r"Plain\(\) takes no arguments"):
        Plain(1)  # type: ignore[call-arg]  # the mistake under test
    assert str(inspect.signature(Plain)) == "()"
    assert _names(seen) == ["Pair", "Plain"]


def test_a_measured_class_keeps_its_place_among_several_bases() -> None:
    class Base:
        def __init__(self) -> None:
            self.initialised = ["Base"]

    @timed
    class Left(Base):
        pass

    class Right(Base):
        def __init__(self) -> None:
            super().__init__()
            self.initialised.append("Right")

    class Both(Left, Right):
        pass

    assert Both().initialised == ["Base", "Right"]


def test_an_error_in_a_constructor_gains_one_frame() -> None:
    @timed
    class Broken:
        def __init__(self) -> None:
            raise LookupError("mine")

    with pytest.raises(LookupError) as caught:
        Broken()
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[1:] == ["constructor", "__init__"]


def test_a_cached_property_is_measured_in_a_class_that_is_there_already(seen: Any) -> None:
    class Holder:
        @functools.cached_property
        def total(self) -> object:
            return object()

    Holder.total = timed(vars(Holder)["total"])  # type: ignore[method-assign]  # from outside
    holder = Holder()
    assert holder.total is holder.total
    assert _names(seen) == ["total"]


# -- unchanged behaviour


def test_measured_callables_pickle_by_name_or_by_what_they_wrap() -> None:
    for function in (double, numbers, Point):
        assert pickle.loads(pickle.dumps(function)) is function  # noqa: S301 - our own bytes
    part = pickle.loads(pickle.dumps(timed(functools.partial(double, 4))))  # noqa: S301 - likewise
    assert part() == 8
    assert type(part).__name__ == "MeasuredProxy"


def test_a_local_function_pickles_with_cloudpickle_and_is_measured_there(seen: Any) -> None:
    @timed("local")
    def local(number: int) -> int:
        return number + 1

    local(1)
    again = pickle.loads(cloudpickle.dumps(local))  # noqa: S301 - our own bytes
    assert again(1) == 2
    assert _names(seen) == ["local", "local"]


def test_measured_callables_can_be_weakly_referenced_and_compared() -> None:
    for function in (double, numbers, measured_sum):
        assert weakref.ref(function)() is function
        assert function == function  # noqa: PLR0124 - equality with itself is what is tested


def test_skip_nested_counts_only_the_outer_call(seen: Any) -> None:
    @timed(skip_nested=True)
    def descend(depth: int) -> int:
        return descend(depth - 1) if depth else 0

    @timed(skip_nested=True)
    def walk(depth: int) -> Iterator[int]:
        yield depth
        if depth:
            yield from walk(depth - 1)

    descend(3)
    assert list(walk(2)) == [2, 1, 0]
    descend(1)
    assert _names(seen) == ["descend", "walk", "descend"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_timeout_of_anyio_cancels_and_is_counted(seen: Any, backend: str) -> None:
    anyio = pytest.importorskip("anyio")

    @timed
    async def wait() -> None:
        await anyio.sleep_forever()

    async def main() -> None:
        with anyio.move_on_after(0.001):
            await wait()

    anyio.run(main, backend=backend)
    assert [m.outcome for m in seen.measurements] == ["cancelled"]


@pytest.mark.parametrize(
    ("decorated", "message"),
    [(3, "did you call the function"), ("name", "not 'name'"), (None, "not None")],
)
def test_what_cannot_be_called_is_refused(decorated: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        memory_profiled()(decorated)
