"""Which watched host has which address."""

import asyncio
import threading

import pytest

from ntp_checker.addresses import AddressBook, resolve
from ntp_checker.model import Host

pytestmark = pytest.mark.asyncio


def hosts(*addresses: str) -> list[Host]:
    return [Host(name=f"h{number}", address=address) for number, address in enumerate(addresses)]


async def test_address_when_written_as_one_then_known_at_once_in_its_one_form() -> None:
    book = AddressBook()
    book.watch(hosts("192.0.2.7", "2001:DB8:0::1", ""))

    assert book.hosts_at == {"192.0.2.7": {"h0"}, "2001:db8::1": {"h1"}}


async def test_address_when_two_hosts_share_it_then_both_are_named() -> None:
    book = AddressBook()
    book.watch(hosts("192.0.2.7", "192.0.2.7"))

    assert book.hosts_at == {"192.0.2.7": {"h0", "h1"}}


async def test_name_when_resolved_then_its_host_is_at_these_addresses() -> None:
    book = AddressBook(resolve)
    book.watch(hosts("localhost"))

    await book.look_up()

    assert book.hosts_at["127.0.0.1"] == {"h0"}


async def test_name_when_not_found_then_no_error_and_what_was_known_stays() -> None:
    answers = iter([frozenset({"192.0.2.1"})])

    def once(name: str) -> frozenset[str]:
        if (found := next(answers, None)) is None:
            raise OSError(f"{name}: no such name")
        return found

    book = AddressBook(once)
    book.watch(hosts("ntp1.example.net"))

    await book.look_up()
    await book.look_up()

    assert book.hosts_at == {"192.0.2.1": {"h0"}}


async def test_name_when_its_host_leaves_then_out_of_the_book() -> None:
    book = AddressBook(lambda _: frozenset({"192.0.2.1"}))
    book.watch(hosts("ntp1.example.net"))
    await book.look_up()

    book.watch(hosts("192.0.2.9"))

    assert book.hosts_at == {"192.0.2.9": {"h0"}}


async def test_resolver_when_it_hangs_then_the_loop_goes_on_and_can_stop() -> None:
    hangs, is_over = threading.Event(), threading.Event()

    def hang(_: str) -> frozenset[str]:
        hangs.set()
        is_over.wait()
        return frozenset()

    book = AddressBook(hang)
    book.watch(hosts("ntp1.example.net"))
    keeping = asyncio.create_task(book.keep_current())
    await asyncio.to_thread(hangs.wait)

    keeping.cancel()
    await asyncio.wait({keeping})
    is_over.set()

    assert keeping.cancelled()
