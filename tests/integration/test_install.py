# SPDX-License-Identifier: Apache-2.0
"""Installs weir into a folder of its own and builds a program against what is there, with nothing but pkg-config."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["WEIR_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["WEIR_BUILD_DIR"])
COMPILER = os.environ["WEIR_CC"].split()
SANITIZE = os.environ["WEIR_SANITIZE"]


def run(command, **options):
    """Runs a command and returns its standard output; a failure is a failed test and shows both outputs."""
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=120, **options)
    if ended.returncode != 0:
        raise AssertionError(f"{command}: exit {ended.returncode}\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", cls.folder])
        pc_file = next(cls.folder.rglob("weir.pc"))
        cls.lib = pc_file.parent.parent
        cls.environment = dict(os.environ, PKG_CONFIG_LIBDIR=cls.pkg_config_path(pc_file), PKG_CONFIG_SYSROOT_DIR=str(cls.folder),
                               LD_LIBRARY_PATH=str(cls.lib))

    @staticmethod
    def pkg_config_path(pc_file):
        system = run(["pkg-config", "--variable", "pc_path", "pkg-config"]).strip()
        return f"{pc_file.parent}:{system}"

    def flags(self, *options):
        return run(["pkg-config", *options, "weir"], env=self.environment).split()

    def build(self, *options):
        """Builds the out-of-tree program with the flags that pkg-config names, as its users would."""
        program = self.folder / "greeter"
        sanitize = [] if SANITIZE == "none" else [f"-fsanitize={SANITIZE}"]
        source = SOURCE / "tests/support/out_of_tree/greeter.c"
        command = [*COMPILER, "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", *sanitize, "-o", program, source]
        run([*command, *self.flags("--cflags", *options)], env=self.environment)
        return program

    def test_install_headers_are_those_of_the_tree(self):
        installed = {path.name: path.read_bytes() for path in next(self.folder.rglob("include/weir")).iterdir()}
        self.assertEqual(installed, {path.name: path.read_bytes() for path in (SOURCE / "lib/weir").iterdir()})

    def test_install_has_the_modules_that_were_built(self):
        """And a program that has libweir already can load them from there."""
        built = sorted((BUILD / "backends").glob("weir-backend-*.so"))
        folder = self.lib / "weir"
        self.assertEqual(sorted(path.name for path in folder.glob("*")), [path.name for path in built])
        for module in built:
            name = module.stem.removeprefix("weir-backend-")
            env = {**os.environ, "WEIR_BACKENDS": str(folder), "WEIR_CACHE_BACKEND": f"{name}:"}
            checked = subprocess.run([BUILD / "tests/support/test-app", "--check"], env=env, stderr=subprocess.PIPE, text=True, check=False)
            self.assertRegex(checked.stderr, f"{name}: wants .*{name}://")

    def test_install_pc_file_has_the_version_of_the_library(self):
        version = self.flags("--modversion")
        self.assertEqual(len(version), 1)
        self.assertTrue((self.lib / f"libweir.so.{version[0]}").is_file())

    def test_install_library_exports_only_its_own_names(self):
        listing = run(["nm", "-D", "--defined-only", self.lib / "libweir.so"])
        names = [line.split()[-1] for line in listing.splitlines()]
        foreign = [name for name in names if not name.startswith(("weir_", "__asan", "__odr_asan", "__ubsan", "__tsan"))]
        self.assertEqual(foreign, [])
        self.assertIn("weir_main", names)

    def test_install_out_of_tree_program_tells_its_version(self):
        program = self.build("--libs")
        self.assertIn("4.5.6", run([program, "--version"], env=self.environment))

    def test_install_out_of_tree_program_answers_as_cgi(self):
        program = self.build("--libs")
        cgi = dict(self.environment, GATEWAY_INTERFACE="CGI/1.1", SERVER_PROTOCOL="HTTP/1.1", REQUEST_METHOD="GET", REQUEST_URI="/")
        head, _, body = run([program], env=cgi, stdin=subprocess.DEVNULL).partition("\n\n")
        self.assertIn("Content-Type: text/plain", head.splitlines())
        self.assertEqual(body, "hello from outside\n")

    def test_install_static_library_is_enough(self):
        self.lib.joinpath("libweir.so").rename(self.lib / "hidden")
        self.addCleanup(self.lib.joinpath("hidden").rename, self.lib / "libweir.so")
        program = self.build("--static", "--libs")
        environment = {name: value for name, value in self.environment.items() if name != "LD_LIBRARY_PATH"}
        self.assertIn("4.5.6", run([program, "--version"], env=environment))
