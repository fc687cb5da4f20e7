"""Webhooks over real sockets: signed, retried, told once by whoever holds the lease, and never to a private address."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import aiohttp
import pytest

from reverie.gateway.push.public_addresses import AddressPolicy, BlockedAddress
from reverie.gateway.push.webhooks import pause
from tests.gateway.receiver import Receiver
from tests.live import LiveService

FAST = {
    "REVERIE_WEBHOOK_ALLOW": "127.0.0.1/32",
    "REVERIE_WEBHOOK_RETRY": "0.02",
    "REVERIE_WEBHOOK_ATTEMPTS": "4",
    "REVERIE_WEBHOOK_TIMEOUT": "2",
}


@pytest.fixture(scope="module")
def calling(database_url: str, redis_url: str) -> Iterator[LiveService]:
    """Two gateways that may call 127.0.0.1 and no other private address."""
    with LiveService(database_url, redis_url, environment=FAST, gateways=2) as live:
        yield live
        live.check_invariants()


async def secret_of(session: aiohttp.ClientSession) -> str:
    async with session.get("/webhooks/secret") as answer:
        assert answer.status == 200, await answer.text()
        return (await answer.json())["secret"]


async def submit(session: aiohttp.ClientSession, user: str, url: str, memories=("tea", "cake"), **headers: str):
    body = {"user_id": user, "memories": list(memories), "callback_url": url}
    async with session.post("/cluster/submit", json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def state_of(session: aiohttp.ClientSession, task_id: str, wanted: str) -> dict:
    """The task's first webhook once it is in the wanted state."""
    async with asyncio.timeout(60):
        while True:
            async with session.get("/webhooks", params={"task_id": task_id}) as answer:
                deliveries = (await answer.json())["deliveries"]
            if deliveries and deliveries[0]["state"] == wanted:
                return deliveries[0]
            await asyncio.sleep(0.05)


async def test_the_end_of_a_task_is_told_with_a_signature_and_the_result(calling: LiveService) -> None:
    async with calling.session() as session, Receiver() as receiver:
        receiver.secret = await secret_of(session)
        _, task = await submit(session, "told", receiver.url("told"))
        [message] = await receiver.wait("told")
        assert message.valid
        assert message.headers["Content-Type"] == "application/json"
        assert message.body["type"] == "task.succeeded"
        assert message.body["data"]["task_id"] == task["id"]
        assert set(message.body["data"]["result"]["assignments"]) == {"0", "1"}
        delivery = await state_of(session, task["id"], "delivered")
        assert (delivery["id"], delivery["attempts"], delivery["last_status"]) == (message.id, 1, 204)


async def test_a_wrong_secret_does_not_verify(calling: LiveService) -> None:
    async with calling.session() as session, Receiver(secret="whsec_" + "A" * 43 + "=") as receiver:
        await submit(session, "wrong secret", receiver.url("x"))
        assert not (await receiver.wait("x"))[0].valid


async def test_after_a_rotation_the_old_and_the_new_secret_both_verify(calling: LiveService) -> None:
    async with calling.session() as session, Receiver() as old, Receiver() as new:
        old.secret = await secret_of(session)
        async with session.post("/webhooks/secret") as answer:
            rotated = await answer.json()
        assert rotated["previous"] == old.secret
        new.secret = rotated["secret"]
        assert new.secret != old.secret
        for receiver in (old, new):
            await submit(session, "rotated", receiver.url("x"), memories=("a", str(receiver.port)))
            assert (await receiver.wait("x"))[0].valid


async def test_a_failing_receiver_is_tried_again_with_the_same_id_until_it_takes_it(calling: LiveService) -> None:
    async with calling.session() as session, Receiver(answers={"flaky": [500, 429, 404]}) as receiver:
        receiver.secret = await secret_of(session)
        _, task = await submit(session, "flaky", receiver.url("flaky"))
        messages = await receiver.wait("flaky", 4)
        assert len({message.id for message in messages}) == 1
        assert all(message.valid for message in messages)
        assert (await state_of(session, task["id"], "delivered"))["attempts"] == 4


async def test_a_webhook_nobody_takes_is_given_up_and_listed(calling: LiveService) -> None:
    async with calling.session() as session, Receiver(answers={"never": [500] * 9}) as receiver:
        _, task = await submit(session, "never", receiver.url("never"))
        delivery = await state_of(session, task["id"], "failed")
        assert (delivery["attempts"], delivery["last_status"]) == (4, 500)
        assert len(receiver.of("never")) == 4


async def test_410_disables_an_address_until_it_is_enabled_again(calling: LiveService) -> None:
    async with calling.session() as session, Receiver(answers={"gone": [410]}) as receiver:
        url = receiver.url("gone")
        _, first = await submit(session, "gone 1", url)
        assert (await state_of(session, first["id"], "disabled"))["attempts"] == 1
        _, second = await submit(session, "gone 2", url)
        await state_of(session, second["id"], "disabled")
        assert len(receiver.of("gone")) == 1
        async with session.get("/webhooks") as answer:
            assert url in [item["url"] for item in (await answer.json())["disabled"]]
        async with session.post("/webhooks/enable", json={"url": url}) as answer:
            assert answer.status == 204
        _, third = await submit(session, "gone 3", url)
        await state_of(session, third["id"], "delivered")


async def test_redirects_are_not_followed(calling: LiveService) -> None:
    async with calling.session() as session, Receiver(host="127.0.0.2") as inner:
        async with Receiver(answers={"moved": [307] * 9}, location=inner.url("secret")) as outer:
            _, task = await submit(session, "moved", outer.url("moved"))
            delivery = await state_of(session, task["id"], "failed")
        assert delivery["last_status"] == 307
        assert inner.messages == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.2/x",  # loopback that is not allowed
        "http://10.0.0.1/x",
        "http://169.254.169.254/latest/meta-data",  # a cloud's metadata service
        "http://[::1]/x",
        "http://[::ffff:10.0.0.1]/x",  # IPv4 in IPv6's clothes
        "http://[64:ff9b::a00:1]/x",  # the same through NAT64
        "http://0.0.0.0/x",
        "http://user:password@example.org/x",
        "http:///x",
        "http://example.org:99999/x",
        "https://exa mple.org/",
    ],
)
async def test_impossible_addresses_are_refused_at_submission(calling: LiveService, url: str) -> None:
    async with calling.session() as session:
        status, problem = await submit(session, "refused", url)
    assert status == 422
    assert problem["errors"][0]["item"] == "callback_url"


async def test_a_name_that_resolves_to_a_private_address_gets_no_connection() -> None:
    class Rebinding(aiohttp.abc.AbstractResolver):
        """Public when asked first, private when the connection is made."""

        async def resolve(self, host, port=0, family=0):
            info = {"hostname": host, "port": port, "family": 2, "proto": 0, "flags": 0}
            return [{**info, "host": "127.0.0.1"}]

        async def close(self) -> None: ...

    async with Receiver() as receiver:
        policy = AddressPolicy()
        connector = aiohttp.TCPConnector(resolver=Rebinding(), socket_factory=policy.socket_factory)
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(OSError) as caught:
                await session.post(f"http://rebind.example:{receiver.port}/x", data=b"{}")
        assert isinstance(caught.value, BlockedAddress) or isinstance(caught.value.os_error, BlockedAddress)
        assert receiver.messages == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("100.64.0.1", False),  # carrier-grade NAT
        ("192.168.1.1", False),
        ("172.16.0.1", False),
        ("169.254.1.1", False),
        ("224.0.0.1", False),  # multicast
        ("255.255.255.255", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("fec0::1", False),
        ("::", False),
        ("2002:7f00:1::", False),  # 6to4 of 127.0.0.1
        ("::ffff:8.8.8.8", True),
        ("nonsense", False),
    ],
)
def test_only_public_addresses_are_permitted(address: str, public: bool) -> None:
    assert AddressPolicy().permits(address) is public
    assert AddressPolicy(["127.0.0.0/8"]).permits("127.8.8.8")


def test_pauses_grow_and_are_bounded() -> None:
    pauses = [pause(n, 5.0, 0.0) for n in range(1, 12)]
    assert pauses[:3] == [5.0, 25.0, 125.0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 12 * 3600
    assert pause(1, 5.0, 1.0) == 6.0


async def test_sixty_webhooks_of_two_gateways_arrive_once_each(calling: LiveService) -> None:
    async with calling.session() as session, Receiver() as receiver:
        receiver.secret = await secret_of(session)
        tasks = await asyncio.gather(
            *(submit(session, "many", receiver.url("many"), memories=(f"text {i}", "b")) for i in range(60))
        )
        messages = await receiver.wait("many", 60)
        for _, task in tasks:
            await state_of(session, task["id"], "delivered")
        assert Counter(m.body["data"]["id"] for m in messages) == Counter(task["id"] for _, task in tasks)
        assert len(receiver.of("many")) == 60


async def test_every_submission_with_an_address_is_told_also_when_it_joins_or_is_answered_at_once(
    calling: LiveService,
) -> None:
    async with calling.session() as session, Receiver() as receiver:
        receiver.secret = await secret_of(session)
        memories = [f"memory {i} about {i % 7}" for i in range(300)]
        first, second = await asyncio.gather(
            submit(session, "joins", receiver.url("a"), memories), submit(session, "joins", receiver.url("b"), memories)
        )
        assert first[1]["id"] == second[1]["id"]
        await receiver.wait("a")
        await receiver.wait("b")
        status, _ = await submit(session, "joins", receiver.url("c"), memories)
        assert status == 200
        [message] = await receiver.wait("c")
        assert message.body["data"]["id"] == first[1]["id"]


async def test_erasing_the_user_takes_the_webhook_along(calling: LiveService) -> None:
    async with calling.session() as session, Receiver(answers={"erased": [500] * 9}) as receiver:
        _, task = await submit(session, "erased", receiver.url("erased"))
        await receiver.wait("erased")
        async with session.delete("/users/erased") as answer:
            assert (await answer.json())["tasks"] == 1
        assert calling.rows("SELECT 1 FROM webhooks WHERE task_id = %s", task["id"]) == []


async def test_killed_gateways_lose_no_webhook(calling: LiveService) -> None:
    async with calling.session() as session, Receiver() as receiver:
        receiver.secret = await secret_of(session)
        receiver.held["held"] = asyncio.Event()
        await submit(session, "killed", receiver.url("held"))
        await receiver.wait("held")
        for index in range(2):
            calling.kill(f"gateway{index}")
        del receiver.held["held"]
        calling.start_gateway(1)
        first, second = await receiver.wait("held", 2)
        assert first.id == second.id
        assert second.valid
        calling.start_gateway(0)
        await asyncio.to_thread(calling.wait_ready, 0)
