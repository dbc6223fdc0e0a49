"""The page of a FeatureType in docs/data: everything its file says, in Chinese and English, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from twin.featuretypes.validity import validity_fields
from twin.model import Check, FeatureType, Field, FieldType, GeometryType, Recipe, Severity
from twin.rules.loader import load_rules
from twin.rules.parameters import thawed

_GEOMETRIES: Mapping[GeometryType, str] = {
    "Point": "点 · Point",
    "LineString": "线 · LineString",
    "MultiPolygon": "面 · MultiPolygon",
    "coverage": "栅格或点云覆盖 · coverage（存储其范围面 · stored with its footprint）",
}
_FORMS: Mapping[Recipe, str] = {
    "extrude": "轮廓自底面升起 · footprint raised from its base",
    "envelope": "贴地二维，限高之下为半透明体 · drawn on the terrain, translucent up to its limit",
    "tube": "沿线的管体 · tube along the line",
    "well": "附属物模型与竖井 · model of what stands there, over its shaft",
    "view": "摄像头视域 · field of view of a camera",
    "drape": "贴地二维 · drawn on the terrain",
    "terrain": "地形与地面高程 · terrain and ground height",
    "imagery": "影像 · image",
    "point_cloud": "点云 · point cloud",
    "model": "成品三维模型 · finished 3D model",
    "none": "无 · none",
}
_TYPES: Mapping[FieldType, str] = {
    "string": "文本 · text",
    "code": "代码 · code",
    "integer": "整数 · integer",
    "number": "数值 · number",
    "boolean": "是否 · yes or no",
    "date": "日期 · date",
    "datetime": "时刻 · time",
}
_DERIVATIONS: Mapping[str, str] = {
    "ground_height": "缺省时取自地形 · else from the terrain",
    "building_height": "缺省时由层数推算 · else from the storeys",
    "well_bottom": "缺省时取自管段 · else from the pipes that end here",
    "start_invert": "由管线高程与断面推算 · from the line and its section",
    "end_invert": "由管线高程与断面推算 · from the line and its section",
    "cover": "由地形推算 · from the terrain",
    "wall": "缺省时按材质与规格推算 · else by material and size",
}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that gives features of a type: its name, its layer when it has several, and the city it belongs to."""

    file: str
    layer: str | None
    city: str


@dataclass(frozen=True, slots=True)
class Example:
    """Rows of a type as a department would hand them over: the first one, and the file with all of them."""

    row: str
    file: str


def type_page(feature_type: FeatureType, types: Mapping[str, FeatureType], example: Example | None, files: Sequence[SourceFile]) -> str:
    """Return the page of ``feature_type``; ``types`` are all there are, for what refers to it."""
    sections = (
        _head(feature_type),
        _fields(feature_type),
        _references(feature_type, types),
        _checks(feature_type),
        _example(feature_type, example),
        _files(files),
    )
    return "\n\n".join("\n".join(lines) for section in sections if (lines := list(section))) + "\n"


def _head(ft: FeatureType) -> Iterator[str]:
    style = ft.style
    key = " + ".join(f"`{name}`" for name in ft.natural_key) or "无，按位置匹配 · none, matched by place"
    shown = "开始即显示 · shown when the viewer opens" if style.visible else "需打开图层 · to be switched on"
    compared = (
        "已与标准核对 · compared with the standard" if ft.cim_verified else "未与标准原文核对 · not compared with the standard's text"
    )
    form = _FORMS[ft.recipe] + "".join(f"；{role} = `{name}`" for role, name in ft.recipe_fields.items())
    yield f"# {ft.title.zh} · {ft.title.en}"
    yield ""
    yield ft.description.zh
    yield ""
    yield ft.description.en
    yield ""
    yield from _table("", "")
    yield f"| 类型名 · Name | `{ft.name}`，版本 · version {ft.version} |"
    yield f"| CIM（CJJ/T 315-2022） | {ft.cim_class}，{ft.cim_level}；{compared} |"
    yield f"| 几何 · Geometry | {_GEOMETRIES[ft.geometry_type]}{'，带高程 · with heights' if ft.has_z else ''} |"
    yield f"| 自然键 · Natural key | {key} |"
    yield f"| 三维形式 · 3D form | {form} |"
    if ft.cityjson_types:
        yield f"| CityJSON, CityGML | {', '.join(ft.cityjson_types)} |"
    if ft.osm_tags:
        yield f"| OpenStreetMap | {', '.join(f'`{tag}`' for tag in ft.osm_tags)} |"
    yield f"| 图层名 · Layer names | {_listed(tuple(dict.fromkeys((ft.title.zh, *ft.aliases))))} |"
    yield f"| 显示 · Drawing | {'地下 · underground；' if style.underground else ''}{shown} |"


def _fields(ft: FeatureType) -> Iterator[str]:
    yield "## 字段 · Fields"
    yield ""
    yield "列名可用字段名、名称或别名，不分大小写、全半角和空格。A column goes by name, title or alias; case and spaces do not matter."
    yield ""
    yield from _table("字段 · Field", "名称 · Title", "类型 · Type", "单位 · Unit", "取值 · Values", "别名 · Aliases")
    for field in (*ft.fields, *validity_fields()):
        yield _field_row(field)


def _field_row(field: Field) -> str:
    title = f"{field.title.zh} · {field.title.en}"
    cells = (f"`{field.name}`", title, _TYPES[field.type], field.unit or "", _values(field), _listed(field.aliases))
    return f"| {' | '.join(cells)} |"


def _values(field: Field) -> str:
    said = ["**必填 · required**"] if field.required else []
    if field.codelist is not None:
        said.append(f"[{field.codelist.title.zh}](codes/{field.codelist.id}.md)")
    if field.minimum is not None or field.maximum is not None:
        low = "" if field.minimum is None else f"{field.minimum:g}"
        high = "" if field.maximum is None else f"{field.maximum:g}"
        said.append(f"{low} – {high}" if low and high else f"≥ {low}" if low else f"≤ {high}")
    if field.max_length is not None:
        said.append(f"≤ {field.max_length} 字 · characters")
    if field.reference is not None:
        said.append(f"→ [{field.reference.type}]({field.reference.type}.md)`.{field.reference.field}`")
    if field.no_value:
        said.append(f"{_listed([f'{number:g}' for number in field.no_value])} 视为无值 · means none")
    if field.default_by is not None:
        pairs = _listed([f"{key}: {value}" for key, value in field.default_by[1].items()])
        said.append(f"缺省随 · default by `{field.default_by[0]}`（{pairs}）")
    if field.default is not None:
        said.append(f"缺省 · default {field.default}")
    if field.template is not None:
        said.append(f"缺省 · default `{field.template}`")
    if field.derived is not None:
        said.append(_DERIVATIONS.get(field.derived, field.derived))
    return "；".join(said)


def _references(ft: FeatureType, types: Mapping[str, FeatureType]) -> Iterator[str]:
    own = [(f, f.reference) for f in ft.fields if f.reference is not None]
    others = [
        (other, f, f.reference) for other in types.values() for f in other.fields if f.reference is not None and f.reference.type == ft.name
    ]
    if not own and not others:
        return
    yield "## 引用 · References"
    yield ""
    yield from _table("从 · From", "关系 · Relation", "到 · To")
    for field, to in own:
        yield f"| `{field.name}` | {to.title.zh} · {to.title.en}（`{to.relation}`） | [{to.type}]({to.type}.md)`.{to.field}` |"
    for other, field, to in others:
        if other.name != ft.name:
            yield f"| [{other.name}]({other.name}.md)`.{field.name}` | {to.title.zh} · {to.title.en}（`{to.relation}`） | `{to.field}` |"


def _checks(ft: FeatureType) -> Iterator[str]:
    yield "## 检查 · Checks"
    yield ""
    yield "几何、属性等规则对所有要素类型生效（[规则](../rules.md)）；此外："
    yield "Rules for geometry and attributes hold for every type ([rules](../rules.md)); besides:"
    yield ""
    for check in ft.checks:
        yield f"- {_check(check, ft)}"
    if any(f.reference is not None for f in ft.fields):
        yield "- [`reference`](../rules.md#reference)：引用的对象应已发布或在同一次提交中 · what a field refers to is there：`warning`"


def _check(check: Check, ft: FeatureType) -> str:
    rule = load_rules()[check.rule]
    wanted = check.parameters.get("severity")
    severity = rule.grade(None if wanted is None else Severity(str(wanted)), ft.geometry_type)
    given = {name: value for name, value in check.parameters.items() if name != "severity"}
    said = "；".join(f"{name} {_value(value)}" for name, value in given.items())
    head = f"[`{rule.id}`](../rules.md#{rule.id.lower()})：{rule.title.zh} · {rule.title.en}：`{severity.value}`"
    return f"{head}；{said}" if said else head


def _value(value: object) -> str:
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        return _listed([f"`{item}`" for item in value])
    return f"`{thawed(value)}`"


def _example(ft: FeatureType, example: Example | None) -> Iterator[str]:
    if example is None:
        return
    yield "## 样例 · Example"
    yield ""
    if ft.geometry_type == "coverage":
        yield f"平台由文件读出的记录，几何为范围面（[文件]({example.file})）。What is read out of a file; the geometry is its footprint."
    else:
        yield f"可直接导入的一行（[文件]({example.file})）。A row as a department hands it over; the file can be loaded:"
        yield ""
        yield f"`twin load {example.file.rsplit('/', 1)[-1]} --type {ft.name} --dataset {ft.name}`"
    yield ""
    yield "```json"
    yield example.row
    yield "```"


def _files(files: Sequence[SourceFile]) -> Iterator[str]:
    if not files:
        return
    yield "## 由哪些文件提供 · Files that give it"
    yield ""
    yield from _table("文件 · File", "图层 · Layer", "城市 · City（`twin demo --city`）")
    for source in files:
        yield f"| {source.file} | {source.layer or ''} | {source.city} |"


def _table(*heads: str) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"


def _listed(texts: Sequence[str]) -> str:
    return "、".join(text.replace("|", "\\|") for text in texts)
