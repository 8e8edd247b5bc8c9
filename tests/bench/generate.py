"""Trees for the benchmark: seeded, with realistic sizes and compressibility.

Sizes of the small files follow a log-normal distribution fitted to a `node_modules` of
58,000 files (median 1.2 KB, mean 11 KB, largest some MB); text is drawn from a vocabulary
so that zstd level 1 makes about a quarter of it, as it does of JavaScript; 9 % of the bytes
repeat, as they do there.
"""

import math
import pathlib
import random
import subprocess

VOCABULARY = 4000


def _words(rng):
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = []
    for rank in range(VOCABULARY):
        length = 2 + int(rng.expovariate(0.25)) % 14
        words.append("".join(rng.choice(letters[:6 + rank % 20]) for _ in range(length)))
    return words


def _text(rng, words, size):
    """Words by Zipf's law, punctuated like source code."""
    parts, length = [], 0
    while length < size:
        rank = int(math.exp(rng.random() * math.log(VOCABULARY))) - 1
        part = words[rank] + rng.choice((" ", " ", "(", ");\n", " = ", ".", ", ", ";\n\t"))
        parts.append(part)
        length += len(part)
    return "".join(parts)[:size].encode()


def small_files(root, count=50_000, seed=1):
    """count files in directories of a package tree."""
    rng = random.Random(seed)
    words = _words(rng)
    pool = _text(rng, words, 8 << 20)
    root = pathlib.Path(root)
    made, recent = 0, []
    while made < count:
        package = root / f"package-{rng.randrange(count // 40 + 1):05}"
        folder = package / rng.choice(("", "lib", "src", "dist", "dist/esm", "test/unit"))
        folder.mkdir(parents=True, exist_ok=True)
        for _ in range(min(count - made, 1 + int(rng.expovariate(0.08)))):
            size = min(int(rng.lognormvariate(7.1, 1.9)), 4 << 20)
            if recent and rng.random() < 0.2:
                content = rng.choice(recent)
            else:
                at = rng.randrange(len(pool) - 1)
                head = f"// {made} {rng.random()}\n".encode()
                content = (head + pool[at:at + size])[:size + len(head)]
                recent.append(content)
                del recent[:-50]
            (folder / f"file-{made:06}.js").write_bytes(content)
            made += 1
    return root


def large_binaries(root, count=5, size=109 << 20, seed=2):
    """Files like shared objects: runs of text, tables and noise, 572 MB of them; zstd level 1
    makes some 40 % of it."""
    rng = random.Random(seed)
    words = _words(rng)
    pool = _text(rng, words, 4 << 20)
    root = pathlib.Path(root)
    root.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        with open(root / f"binary-{number}.so", "wb") as file:
            left = size
            while left > 0:
                run = min(left, rng.randrange(4096, 262144))
                kind = rng.random()
                if kind < 0.35:
                    block = rng.randbytes(run)
                elif kind < 0.45:
                    block = bytes(run)
                else:
                    at = rng.randrange(len(pool) - run)
                    noise = rng.randbytes(run // 16)
                    block = (noise + pool[at:at + run])[:run]
                file.write(block)
                left -= run
    return root


def noise(root, count=4, size=64 << 20, seed=4):
    """Files that nothing makes smaller, so that a line is what limits."""
    rng = random.Random(seed)
    root = pathlib.Path(root)
    root.mkdir(parents=True)
    for number in range(count):
        (root / f"noise-{number}").write_bytes(b"".join(rng.randbytes(1 << 20)
                                                        for _ in range(size >> 20)))
    return root


def one_file(root, size=4096, seed=5):
    root = pathlib.Path(root)
    root.mkdir(parents=True)
    (root / "file").write_bytes(random.Random(seed).randbytes(size))
    return root


def change(source, target, seed=3, share=0.01):
    """A copy of source in which `share` of its top-level folders have other content."""
    rng = random.Random(seed)
    subprocess.run(["cp", "-a", source, target], check=True)
    folders = sorted(path for path in pathlib.Path(target).iterdir() if path.is_dir())
    for folder in rng.sample(folders, max(1, int(len(folders) * share))):
        for path in sorted(folder.rglob("*.js")):
            path.write_bytes(b"// another version\n" + path.read_bytes())
    return pathlib.Path(target)
