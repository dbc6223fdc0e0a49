"""The command ``twin``: what can be said to it. What it does is in commands/."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from twin.errors import BadRequestError, StorageFullError, TwinError
from twin.server.settings import MOST_WEB_PROCESSES, read_settings
from twin.server.terminal import Terminal

type _Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name for it
type _Command = Callable[[str, str, str], argparse.ArgumentParser]
"""Adds a command by its name, the function that does it (``module:function`` in commands/) and its help."""
OUR_FAILURE = 3
INTERRUPTED = 130
READER_GONE = 141
"""Exit codes of a shell for the signals INT and PIPE."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; exit code 0 done, 1 file rejected, 2 wrong use, 3 our failure."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    terminal = Terminal(json_output=getattr(options, "json", False), environment=os.environ)
    try:
        settings = read_settings(os.environ, data_dir=options.data_dir, port=options.port)
        module, function = options.command.split(":")
        # heavy imports wait until a command is known, and it imports only what it needs: --help answers at once
        run = getattr(importlib.import_module(f"twin.server.commands.{module}"), function)
        return int(run(settings, options, terminal) or 0)
    except TwinError as error:
        terminal.fail(error)
        return error.exit_code
    except KeyboardInterrupt:
        terminal.say("已中断", "interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has seen enough (`| head`); what is still held back goes nowhere, or Python complains as it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except OSError as error:
        terminal.fail(_from_os(error))
        return OUR_FAILURE
    except Exception as error:  # the last line of defence: one line for people, the traceback only when asked for
        if os.environ.get("TWIN_DEBUG"):
            raise
        terminal.fail(
            TwinError(f"unexpected: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''} (TWIN_DEBUG=1 shows more)")
        )
        return OUR_FAILURE


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command and its options."""
    common = _common_options()
    parser = argparse.ArgumentParser(
        prog="twin", description="citytwin: 新一代城市空间地理信息基础平台 · the spatial base platform of a city"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: str, help_text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, parents=[common], help=help_text, description=help_text)
        made.set_defaults(command=function)
        return made

    _add_serving(command)
    _add_loading(command)
    sample = command("sample-city", "demo:sample_city", "生成示例城市的源文件 · write the sample city's source files")
    sample.add_argument("folder", type=Path, metavar="DIR")
    sample.add_argument("--scale", type=int, default=3000, metavar="N", help="建筑数 · number of buildings")
    sample.add_argument("--seed", type=int, default=4549, metavar="N")
    _add_tiles(commands, common)
    _add_definitions(command)
    _add_describe(command)
    command("links", "links:links", "核对对象关联 · count the links between features, and prove that none dangles")
    _add_tokens(commands, common)
    _add_history(command)
    worker = command("worker", "tiles:worker", "构建后台 · build what is missing, in the background")
    worker.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)
    command("warm", "tiles:warm", "预编译 · compile the kernels")
    _add_ogc(commands, common)
    return parser


def _common_options() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--data-dir", type=Path, metavar="D", help="数据目录 · data folder (default: /var/lib/citytwin as root, else .twin)"
    )
    common.add_argument("--port", type=int, metavar="N", help="端口 · port of the server (default 8000)")
    common.add_argument("--json", action="store_true", help="最后一行输出 JSON · last line is JSON")
    return common


def _add_serving(command: _Command) -> None:
    init = command("init", "city:init", "建立一个城市 · make the deployment of a city")
    init.add_argument("--city", type=Path, required=True, metavar="city.yaml")

    demo = command("demo", "demo:demo", "生成、导入并打开示例城市 · make, load and serve a city to look at")
    demo.add_argument("--check", action="store_true", help="核验后退出 · check every door, then end")
    demo.add_argument("--city", default="sample", metavar="NAME", help="sample, rotterdam, …")
    demo.add_argument("--no-browser", action="store_true", help=argparse.SUPPRESS)

    serve = command("serve", "serve:serve", "启动服务 · serve the city")
    serve.add_argument("--host", metavar="ADDRESS", help="监听地址 · address to listen on (default 127.0.0.1)")
    serve.add_argument("--workers", type=_web_processes, metavar="N", help="网络进程数 · processes that answer requests (default 1)")
    serve.add_argument("--listening", type=int, help=argparse.SUPPRESS)


def _add_loading(command: _Command) -> None:
    load = command("load", "load:load", "导入并发布文件 · load and publish files")
    load.add_argument("files", nargs="+", type=Path, metavar="FILE")
    _add_reading_options(load)
    load.add_argument("--mode", choices=("replace", "delta", "area"), default="replace")
    load.add_argument("--area", type=Path, metavar="FILE", help="范围面 · polygon inside which --mode area replaces")
    load.add_argument("--accept-doubts", action="store_true", help="按文件所述导入存疑之处 · load the files as they say, doubts or not")
    load.add_argument("--allow-deletes", action="store_true", help="允许删除超过 20 %% 的要素 · allow more than 20 %% deletes")
    load.add_argument("--reason", default="", metavar="TEXT")
    load.add_argument("--name", metavar="TEXT", help="提交名称 · name of the commit, e.g. 2026Q3普查成果")
    load.add_argument("--title", metavar="TEXT", help="数据集标题 · title of a new dataset")

    inspect = command("inspect", "inspect:inspect", "这是什么文件 · say what a file is, and how it would be read; needs no city")
    inspect.add_argument("files", nargs="+", type=Path, metavar="FILE")
    inspect.add_argument("--city", type=Path, metavar="city.yaml", help="按该城市判断 · hold it against this city, not the data folder's")

    check = command("check", "check:check", "只检查不发布 · check files and publish nothing; needs no city")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE")
    _add_reading_options(check)
    check.add_argument("--city", type=Path, metavar="city.yaml", help="按该城市检查 · check for this city, not the data folder's")
    check.add_argument("--report", type=Path, metavar="DIR", help="报告目录 · folder for the report")


def _add_describe(command: _Command) -> None:
    describe = command("describe", "describe:describe", "登记数据集的部门、许可和更新周期 · say who answers for a dataset, and more of it")
    describe.add_argument("dataset", metavar="DATASET")
    describe.add_argument("--title-zh", metavar="TEXT", help="中文名称 · title in Chinese")
    describe.add_argument("--title-en", metavar="TEXT", help="英文名称 · title in English")
    describe.add_argument("--owner", metavar="TEXT", help="所属部门 · owner department")
    describe.add_argument("--steward", metavar="TEXT", help="管理责任人 · person or office to ask")
    describe.add_argument("--licence", metavar="TEXT", help="使用许可 · licence, by its SPDX identifier where it has one")
    describe.add_argument("--source-platform", metavar="TEXT", help="数据来源平台 · platform the data come from")
    describe.add_argument("--update-cycle", metavar="CODE", help="更新周期 · continual, daily, weekly, monthly, quarterly, annually, …")


def _add_tiles(commands: _Commands, common: argparse.ArgumentParser) -> None:
    tiles = commands.add_parser("tiles", help="三维瓦片 · 3D Tiles")
    tile_commands = tiles.add_subparsers(required=True, metavar="COMMAND")
    build = tile_commands.add_parser("build", parents=[common], help="构建一个数据集的瓦片 · build a dataset's tiles")
    build.add_argument("dataset", metavar="ID")
    build.add_argument("--revision", type=_positive, metavar="N", help="较早的版本 · an earlier revision, by the number of its commit")
    build.add_argument("--scheduler", metavar="tcp://HOST:8786", help="Dask 调度器 · let the workers of a Dask cluster draw it")
    build.set_defaults(command="tiles:tiles_build")
    archive = tile_commands.add_parser("export", parents=[common], help="导出 3TZ 单文件 · write a dataset's tiles as one 3TZ file")
    archive.add_argument("dataset", metavar="ID")
    archive.add_argument("file", type=Path, metavar="FILE.3tz")
    archive.set_defaults(command="tiles:tiles_export")
    collect = tile_commands.add_parser("gc", parents=[common], help="清理无版本使用的瓦片 · drop tiles that no kept revision uses")
    collect.add_argument("datasets", nargs="*", metavar="ID", help="只清理这些 · these datasets only")
    collect.add_argument("--keep", type=_positive, metavar="N", help="只留最近 N 个版本 · keep the tilesets of the N newest revisions only")
    collect.set_defaults(command="tiles:tiles_gc")


def _add_definitions(command: _Command) -> None:
    types = command("types", "types:types", "列出要素类型 · list the FeatureTypes, or check your own files")
    types.add_argument("type", nargs="?", metavar="TYPE", help="只看一种 · one of them, whole")
    types.add_argument("--pages", type=Path, metavar="DIR", help="写出说明页 · write the page of every type")

    rules = command("rules", "rules:rules", "列出检查规则 · list the rules files are checked by")
    rules.add_argument("rule", nargs="?", metavar="ID", help="只看一条 · one of them, whole")
    rules.add_argument("--page", type=Path, metavar="FILE", help="写出说明页 · write the page of all rules")


def _add_tokens(commands: _Commands, common: argparse.ArgumentParser) -> None:
    tokens = commands.add_parser("token", help="写入令牌 · tokens for writing")
    token_commands = tokens.add_subparsers(required=True, metavar="COMMAND")
    for name, function, help_text in (
        ("create", "create", "新建，只显示一次 · make one, shown this once"),
        ("list", "show_all", "列出 · list them by name"),
        ("revoke", "revoke", "吊销 · take one out of force"),
    ):
        made = token_commands.add_parser(name, parents=[common], help=help_text, description=help_text)
        made.set_defaults(command=f"token:{function}")
        if name != "list":
            made.add_argument("name", metavar="NAME", help="名称，即提交记录中的操作者 · its name, the actor of commits made with it")
        if name == "create":
            made.add_argument("--reviewer", action="store_true", help="复核人：还可豁免问题 · a reviewer's, who may also waive findings")


def _add_history(command: _Command) -> None:
    command("commits", "revisions:commits", "列出提交 · list the commits")
    rollback = command("rollback", "revisions:rollback", "恢复到某次提交时的状态 · publish the state of a past commit again")
    rollback.add_argument("commit", type=int, metavar="COMMIT")
    rollback.add_argument("--reason", default="", metavar="TEXT")

    export = command("export", "revisions:export", "导出数据集 · write a dataset as GeoJSON lines, CityJSON or PMTiles")
    export.add_argument("dataset", metavar="DATASET")
    export.add_argument("--format", choices=("geojson", "cityjson", "cityjsonseq", "pmtiles"), default="geojson")
    export.add_argument("--max-zoom", type=int, metavar="N", help="PMTiles 最深层级（默认 14） · deepest level of PMTiles, 14 without")
    export.add_argument("--as-of", metavar="COMMIT|TIME")
    export.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")


def _add_ogc(commands: _Commands, common: argparse.ArgumentParser) -> None:
    ogc = commands.add_parser("ogc", help="OGC API")
    config = ogc.add_subparsers(required=True, metavar="COMMAND").add_parser(
        "config", parents=[common], help="标准 pygeoapi 的配置 · configuration of a stock pygeoapi that serves this city"
    )
    config.add_argument("--url", default="http://localhost:5000", metavar="URL", help="其对外地址 · the address it is reached at")
    config.add_argument("-o", "--output", type=Path, metavar="FILE", help="写入文件 · write it there (default: standard output)")
    config.set_defaults(command="ogc:config")


def _positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} 不是正整数 · is not a positive number")
    return int(text)


def _web_processes(text: str) -> int:
    if not 1 <= int(text) <= MOST_WEB_PROCESSES:
        raise argparse.ArgumentTypeError(f"{text}：应为 1 至 {MOST_WEB_PROCESSES} · from 1 to {MOST_WEB_PROCESSES}")
    return int(text)


def _add_reading_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--type", metavar="T", help="要素类型 · FeatureType")
    parser.add_argument("--dataset", metavar="ID", help="数据集 · dataset (collection id)")
    parser.add_argument("--part", action="append", default=[], metavar="SHEET=TYPE:DATASET", help="一个图层或工作表 · one layer or sheet")
    parser.add_argument("--layer", metavar="NAME", help="图层 · layer to read when the file has several")
    parser.add_argument("--crs", metavar="EPSG:n|FILE|X-GCJ02|X-BD09|X-LOCAL:name", help="坐标系声明 · declared CRS")
    parser.add_argument("--vertical", metavar="V", help="高程基准声明 · heights of the source (ellipsoidal)")
    parser.add_argument("--height-offset", type=float, default=0.0, metavar="M", help="高程改正 · metres added to heights")
    parser.add_argument(
        "--priority", type=int, metavar="N", help="高程栅格优先级：大者在上 · of an elevation model: the higher goes first (default 0)"
    )
    parser.add_argument("--axes", choices=("xy", "yx"), help="轴序：xy 先东后北，yx 先北后东 · easting or northing first")
    parser.add_argument("--up", choices=("y", "z"), help="OBJ 模型向上的轴 · axis of an OBJ that points upwards")
    parser.add_argument("--encoding", metavar="E", help="文字编码 · encoding of the texts")
    parser.add_argument("--unit", action="append", default=[], metavar="COLUMN=UNIT", help="列的单位 · unit of a column: mm, cm, m, ft …")
    parser.add_argument("--map", action="append", default=[], metavar="COLUMN=FIELD", help="列对应的字段 · field a column feeds, or none")
    parser.add_argument(
        "--max-rejected", type=float, default=0.5, metavar="SHARE", help="拒收比例上限 · reject the file above this share (0.5)"
    )


def _from_os(error: OSError) -> TwinError:
    name = Path(error.filename).name if isinstance(error.filename, str) else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFullError("the disk is full; nothing was changed", zh="磁盘已满，未作任何改动")
    if error.errno in (errno.ENOENT, errno.EACCES, errno.EISDIR):
        return BadRequestError(f"{name}: {error.strerror}", zh=f"{name}：无法读取或写入")
    return TwinError(f"{name}: {error.strerror or error}")


if __name__ == "__main__":
    sys.exit(main())
