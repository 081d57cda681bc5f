"""The Python SDK: publishing, questions, authorization, ending connections, refusals."""

import base64
import json
import unittest

import pusher.errors
from nacl.secret import SecretBox

from harness import Listener, server

app = server()


class Publishing(unittest.TestCase):
    def test_an_event_reaches_its_channel(self):
        with Listener() as one:
            one.subscribe("python")
            self.assertEqual(app.trigger("python", "said", {"text": "über"}), {})
            self.assertEqual(one.next("said", "python"), {"text": "über"})
            app.trigger("python", "said", "plain text")
            self.assertEqual(one.next("said", "python"), "plain text")

    def test_many_channels_and_an_excluded_socket(self):
        with Listener() as one, Listener() as two:
            for listener in (one, two):
                listener.subscribe("python-a")
                listener.subscribe("python-b")
            app.trigger(["python-a", "python-b"], "said", {"n": 1}, one.id)
            app.trigger("python-a", "after", {})
            self.assertEqual(two.next("said", "python-a"), {"n": 1})
            self.assertEqual(two.next("said", "python-b"), {"n": 1})
            # Not `next`, which would pass over what must not come.
            self.assertEqual(one.frame()[0], "after")

    def test_a_batch_is_published_in_order(self):
        with Listener() as one:
            one.subscribe("python")
            app.trigger_batch([{"channel": "python", "name": f"n{n}", "data": {"n": n}} for n in range(10)])
            for n in range(10):
                self.assertEqual(one.frame(), (f"n{n}", "python", {"n": n}))

    def test_an_encrypted_event_opens_with_the_key_of_its_authorization(self):
        channel = "private-encrypted-python"
        with Listener() as one:
            signed = app.authenticate(channel, one.id)
            secret = base64.b64decode(signed.pop("shared_secret"))
            one.subscribe(channel, **signed)
            app.trigger(channel, "said", {"text": "sealed"})
            sealed = one.next("said", channel)
            opened = SecretBox(secret).decrypt(base64.b64decode(sealed["ciphertext"]), base64.b64decode(sealed["nonce"]))
            self.assertEqual(json.loads(opened), {"text": "sealed"})


class Questions(unittest.TestCase):
    def test_channels_and_users_are_told(self):
        with Listener() as one, Listener() as two:
            for listener, user in ((one, "ada"), (two, "bob")):
                member = {"user_id": user, "user_info": {"name": user.title()}}
                listener.subscribe("presence-python", **app.authenticate("presence-python", listener.id, member))
            one.subscribe("python-info")
            self.assertEqual(app.channels_info("presence-", ["user_count"]), {"channels": {"presence-python": {"user_count": 2}}})
            self.assertIn("python-info", app.channels_info()["channels"])
            info = app.channel_info("presence-python", ["user_count", "subscription_count"])
            self.assertEqual(info, {"occupied": True, "user_count": 2, "subscription_count": 2})
            self.assertEqual(app.channel_info("python-nowhere"), {"occupied": False})
            users = app.users_info("presence-python")["users"]
            self.assertEqual(sorted(user["id"] for user in users), ["ada", "bob"])


class People(unittest.TestCase):
    def test_presence_tells_the_member_and_who_else_is_there(self):
        with Listener() as one, Listener() as two:
            channel = "presence-people"
            first = one.subscribe(channel, **app.authenticate(channel, one.id, {"user_id": "ada", "user_info": {"a": 1}}))
            self.assertEqual(first, {"presence": {"ids": ["ada"], "hash": {"ada": {"a": 1}}, "count": 1}})
            two.subscribe(channel, **app.authenticate(channel, two.id, {"user_id": "bob", "user_info": {"b": 2}}))
            self.assertEqual(one.next("pusher_internal:member_added", channel), {"user_id": "bob", "user_info": {"b": 2}})
            two.socket.close()
            self.assertEqual(one.next("pusher_internal:member_removed", channel), {"user_id": "bob"})

    def test_who_signed_in_is_reached_and_disconnected(self):
        with Listener() as one, Listener() as other:
            for listener, user in ((one, "eve"), (other, "bob")):
                signed = app.authenticate_user(listener.id, {"id": user, "user_info": {"name": user}})
                listener.send("pusher:signin", signed)
                answer = listener.next("pusher:signin_success")
                self.assertEqual(json.loads(answer["user_data"])["id"], user)
            app.send_to_user("eve", "note", {"text": "for you"})
            self.assertEqual(one.next("note"), {"text": "for you"})
            app.terminate_user_connections("eve")
            self.assertEqual(one.close_code(), 4009)
            app.send_to_user("bob", "note", {"still": "here"})
            self.assertEqual(other.next("note"), {"still": "here"})


class Refusals(unittest.TestCase):
    def test_a_wrong_secret_is_refused(self):
        stranger = server(secret="0" * 64)
        for call in (
            lambda: stranger.trigger("python", "forged", {}),
            lambda: stranger.channels_info(),
            lambda: stranger.users_info("presence-python"),
            lambda: stranger.terminate_user_connections("eve"),
        ):
            with self.assertRaises(pusher.errors.PusherBadAuth):
                call()

    def test_what_cannot_be_answered_is_a_bad_request(self):
        for call in (
            lambda: app.users_info("python"),
            lambda: app.channels_info(None, ["user_count"]),
            lambda: app.trigger("a" * 165, "said", {}),
            lambda: app.trigger_batch([{"channel": "python", "name": "n", "data": {}}] * 11),
        ):
            with self.assertRaises(pusher.errors.PusherBadRequest):
                call()

    def test_a_signature_of_another_secret_opens_no_private_channel(self):
        with Listener() as one:
            signed = server(secret="0" * 64).authenticate("private-python", one.id)
            one.send("pusher:subscribe", {"channel": "private-python", **signed})
            fault = one.next("pusher:subscription_error", "private-python")
            self.assertEqual((fault["type"], fault["status"]), ("AuthError", 401))


if __name__ == "__main__":
    unittest.main(verbosity=2)
