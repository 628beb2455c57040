"""What `cmake --install` puts where, and that it works from there."""

import pathlib
import subprocess
import tempfile
import unittest

from pyleak_testing import BINARY
from pyleak_testing.places import ROOT

SHARED = {
    "bash-completion/completions/pyleak",
    "fish/vendor_completions.d/pyleak.fish",
    "pyleak/pyleak-events.schema.json",
    "zsh/site-functions/_pyleak",
}


class Install(unittest.TestCase):
    def test_program_man_pages_completions_and_schema(self):
        with tempfile.TemporaryDirectory() as folder:
            build = pathlib.Path(BINARY).parent
            subprocess.run(["cmake", "--install", build, "--prefix", folder], stdout=subprocess.DEVNULL, check=True, timeout=60)
            prefix = pathlib.Path(folder)
            installed = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}
            pages = {f"man/man1/{page.name}" for page in (ROOT / "man").glob("*.1")}
            self.assertIn("man/man1/pyleak.1", pages)
            self.assertEqual(installed, {"bin/pyleak"} | {f"share/{name}" for name in SHARED | pages})
            told = [subprocess.run([binary, "--version"], capture_output=True, check=True, timeout=20).stdout
                    for binary in (BINARY, prefix / "bin/pyleak")]
            self.assertEqual(told[0], told[1])


if __name__ == "__main__":
    unittest.main()
