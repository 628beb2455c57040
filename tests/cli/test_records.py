"""Sample records from the real formats, judged by others: jq, a JSON Schema validator, Python's traceback."""

import json
import os
import re
import subprocess
import traceback
import unittest

import jsonschema
from pyleak_testing import require
from pyleak_testing.places import SCHEMA


def printed(what):
    return subprocess.run([os.environ["PYLEAK_PRINT_RECORDS"], what], capture_output=True, check=True, timeout=20).stdout


class Json(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.schema = json.loads(SCHEMA.read_text())
        jsonschema.Draft202012Validator.check_schema(cls.schema)
        cls.validator = jsonschema.Draft202012Validator(cls.schema)
        cls.text = printed("json")
        cls.records = [json.loads(line) for line in cls.text.decode("ascii").splitlines()]

    def test_every_type_of_record_is_valid(self):
        for record in self.records:
            self.validator.validate(record)
        types = self.schema["properties"]["type"]["enum"]
        self.assertEqual({record["type"] for record in self.records}, set(types))
        self.assertEqual(len(self.schema["allOf"]), len(types))

    def test_the_schema_refuses_what_is_missing_too_much_or_of_another_type(self):
        for record in self.records:
            for name in record:
                with self.subTest(type=record["type"], field=name):
                    self.assertFalse(self.validator.is_valid({k: v for k, v in record.items() if k != name}))
                    self.assertFalse(self.validator.is_valid({**record, name: {"wrong": []}}))
            self.assertFalse(self.validator.is_valid({**record, "extra": 1}))

    def test_no_object_of_the_schema_takes_unknown_members(self):
        def objects(node):
            if isinstance(node, dict):
                if node.get("type") == "object":
                    yield node
                for child in node.values():
                    yield from objects(child)
            elif isinstance(node, list):
                for child in node:
                    yield from objects(child)

        for node in objects(self.schema["$defs"]):
            # Where the names are the target's, as those of variables are, it is said what their values are.
            self.assertNotIn(node.get("additionalProperties", True), (True, {}), node)

    def test_numbers_are_finite_and_strings_are_text(self):
        def refuse(name):
            raise AssertionError(f"{name} is no JSON")

        for line in self.text.splitlines():
            json.loads(line, parse_constant=refuse)
        # The nasty record: escapes stay what they were, what is no UTF-8 is replaced.
        nasty = self.records[2]
        self.assertTrue(nasty["process"].startswith("\x1b[2J\x1b]0;owned\x07 \0 \ufffd\ufffd "), nasty["process"])
        self.assertTrue(nasty["process"].endswith('\u202e \u2028 \n\r\t"\\ \xe4'), nasty["process"])

    def test_jq_reads_each_line(self):
        require("jq")
        lines = subprocess.run(["jq", "-c", "[.type, .schema_version]"], input=self.text, capture_output=True, check=True)
        self.assertEqual(
            [json.loads(line) for line in lines.stdout.splitlines()], [[record["type"], 1] for record in self.records]
        )

    def test_addresses_survive_a_reader_with_doubles(self):
        require("jq")
        address = subprocess.run(
            ["jq", "-r", "select(.block_id == 1) | .blocking_stack[-1].address"],
            input=self.text, capture_output=True, check=True, text=False,
        ).stdout
        self.assertEqual(address, b"0x7f00000f1234\n")


class Text(unittest.TestCase):
    def test_python_frames_are_laid_out_as_traceback_does(self):
        (record,) = [r for r in map(json.loads, printed("json").splitlines()) if r.get("block_id") == 1]
        frames = [
            traceback.FrameSummary(frame["filename"], frame["lineno"], frame["name"], line=frame["line"] or "")
            for frame in record["blocking_stack"]
            if frame["language"] == "python"
        ]
        expected = "".join(traceback.format_list(frames))
        # Two spaces deeper, for it stands under "Blocking Stack:".
        self.assertEqual(printed("stack").decode(), re.sub("^", "  ", expected.rstrip("\n"), flags=re.M) + "\n")
        self.assertIn("[Previous line repeated 3 more times]", expected)

    def test_is_utf8_without_control_characters(self):
        text = printed("text").decode("utf-8")
        self.assertNotRegex(text, "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e]")


if __name__ == "__main__":
    unittest.main()
