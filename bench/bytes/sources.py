"""Where the corpus of bytes comes from: packages of PyPI and Debian, and what is taken from them.

No source serves both sides: a file is in the test or in the training part, and so is all that comes with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["DEBIAN", "SOURCES", "Source"]

# Old versions stay in Debian's archive as long as the release does.
DEBIAN: Final = ("dict-jargon",)


@dataclass(frozen=True, slots=True)
class Source:
    """Members of one archive, in the order of their names, one behind the other.

    Args:
        package: As pip is asked for it, or the name of a Debian package.
        pattern: A regular expression that a member's whole path must match.
        licence: Of what is taken.
        sdist: Whether it is PyPI's source archive, not the wheel.
    """

    package: str
    pattern: str
    licence: str
    sdist: bool = False


# By part, then by the file that is made of them.
SOURCES: Final[dict[str, dict[str, tuple[Source, ...]]]] = {
    "test": {
        "python": (Source("networkx==3.4.2", r".*\.py", "BSD-3-Clause"),),
        "c": (Source("uvloop==0.21.0", r".*/libuv/src/.*\.c", "MIT", sdist=True),),
        "js": (Source("XStatic-Angular==1.8.2.3", r".*/angular[a-z-]*\.js", "MIT", sdist=True),),
        "js-minified": (Source("plotly==5.24.1", r".*/plotly\.min\.js", "MIT"),),
        "json-api": (
            Source(
                "google-api-python-client==2.156.0",
                r".*/documents/(container|storage|youtube).*\.json",
                "Apache-2.0",
            ),
        ),
        "json-records": (Source("vega_datasets==0.9.0", r".*/_data/.*\.json", "BSD-3-Clause"),),
        "text-docs": (Source("Django==5.1.4", r".*/docs/(ref|topics)/.*\.txt", "BSD-3-Clause", sdist=True),),
        "text-prose": (Source("dict-jargon", r".*/jargon\.dict\.dz", "public domain"),),
        "telemetry-csv": (Source("vega_datasets==0.9.0", r".*/_data/.*\.csv", "BSD-3-Clause"),),
    },
    "train": {
        "python": (
            Source("requests==2.32.3", r".*\.py", "Apache-2.0"),
            Source("rich==13.9.4", r".*\.py", "MIT"),
            Source("botocore==1.35.90", r"botocore/[a-z]+\.py", "Apache-2.0"),
        ),
        "c": (Source("zstandard==0.23.0", r".*/zstd/.*\.c", "BSD-3-Clause", sdist=True),),
        "js": (Source("bokeh==3.6.2", r".*/bokeh\.js", "BSD-3-Clause"),),
        "js-minified": (Source("bokeh==3.6.2", r".*/bokeh(-widgets)?\.min\.js", "BSD-3-Clause"),),
        "json-api": (
            Source("botocore==1.35.90", r".*/(s3|iam|lambda)/.*/service-2\.json\.gz", "Apache-2.0"),
        ),
        "json-records": (
            Source("emoji==2.14.0", r".*/emoji\.json", "BSD-3-Clause"),
            Source("mimesis==18.0.0", r".*/datasets/.*\.json", "MIT"),
        ),
        "text-docs": (Source("Sphinx==8.1.3", r".*/doc/.*\.rst", "BSD-2-Clause", sdist=True),),
        "text-prose": (Source("Brotli==1.1.0", r".*/testdata/[a-z0-9]+\.txt", "public domain", sdist=True),),
        "telemetry-csv": (Source("statsmodels==0.14.4", r".*/datasets/.*\.csv", "BSD-3-Clause"),),
    },
}
