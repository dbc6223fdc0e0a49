"""QGIS without its window, as a client of the OGC door; run by a Python that has QGIS 3.40 or newer, told by JSON on the command line.

It knows nothing of this repository: what is asked is an object with ``url``, ``collection``, ``filter``, ``box``, ``edit``, ``wfs`` …,
what it saw goes to standard output as JSON. Without arguments it says the version of QGIS.
"""

import json
import sys

from qgis.core import (
    NULL,
    Qgis,
    QgsApplication,
    QgsAuthMethodConfig,
    QgsFeature,
    QgsFeatureRequest,
    QgsGeometry,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)


def layer_of(asked, provider="OAPIF"):
    if provider == "WFS":
        source = f"url='{asked['wfs']}' typename='{asked['type_name']}' version='2.0.0' pagingEnabled='true' pageSize='10'"
    else:
        source = f"url='{asked['url']}' typename='{asked['collection']}' pageSize='{asked.get('page_size', 10)}'"
        source += f" authcfg={asked['authcfg']}" if asked.get("authcfg") else ""
    layer = QgsVectorLayer(source, asked.get("collection", "layer"), provider)
    if not layer.isValid():
        raise SystemExit(f"QGIS cannot open {source}: {layer.error().message()}")
    return layer


def plain(value):
    if value is None or value == NULL:
        return None
    if hasattr(value, "toString"):  # a date
        return value.toString("yyyy-MM-dd")
    return value


def rows(layer, request=None):
    names = layer.fields().names()
    found = layer.getFeatures(request) if request is not None else layer.getFeatures()
    return [{"wkt": f.geometry().asWkt(17), **{n: plain(v) for n, v in zip(names, f.attributes(), strict=True)}} for f in found]


def read(asked):
    layer = layer_of(asked)
    said = {
        "crs": layer.crs().authid(),
        "fields": {field.name(): field.typeName() for field in layer.fields()},
        "rows": rows(layer),
        "editable": bool(layer.dataProvider().capabilities() & layer.dataProvider().ChangeAttributeValues),
    }
    if "box" in asked:
        said["box"] = rows(layer_of(asked), QgsFeatureRequest().setFilterRect(QgsRectangle(*asked["box"])))
    if "filter" in asked:
        filtered = layer_of(asked)
        if not filtered.setSubsetString(asked["filter"]):
            raise SystemExit(f"QGIS refuses the filter {asked['filter']}")
        said["filter"] = rows(filtered)
    if "expressions" in asked:
        said["expressions"] = [rows(layer_of(asked), QgsFeatureRequest().setFilterExpression(text)) for text in asked["expressions"]]
    if "wfs" in asked:
        said["wfs"] = rows(layer_of(asked, "WFS"))
    return said


def authorised(asked):
    """Return the id of an authentication configuration that sends the token, and If-Match: * with what QGIS changes."""
    manager = QgsApplication.authManager()
    manager.setMasterPassword("only for this run", verify=True)
    config = QgsAuthMethodConfig("APIHeader")
    config.setName("twin")
    config.setConfig("Authorization", f"Bearer {asked['token']}")
    config.setConfig("If-Match", "*")
    if not manager.storeAuthenticationConfig(config):
        raise SystemExit("QGIS cannot keep the authentication configuration")
    return config.id()


def edit(asked):
    """Change, add and delete a feature as somebody at the map would, and say what QGIS says of it."""
    layer = layer_of(asked | {"authcfg": authorised(asked)})
    said = {"capabilities": layer.dataProvider().capabilitiesString()}
    key = asked["key"]

    def one(value):
        return next(layer.getFeatures(QgsFeatureRequest().setFilterExpression(f"\"{key}\" = '{value}'")))

    steps = asked["edit"]
    layer.startEditing()
    changed = one(steps["change"])
    for name, value in steps["values"].items():
        layer.changeAttributeValue(changed.id(), layer.fields().indexOf(name), value)
    said["changed"] = [layer.commitChanges(), layer.commitErrors()]
    layer.startEditing()
    layer.changeGeometry(changed.id(), QgsGeometry.fromWkt(steps["wkt"]))
    said["moved"] = [layer.commitChanges(), layer.commitErrors()]
    layer.startEditing()
    added = QgsFeature(layer.fields())
    added.setGeometry(QgsGeometry.fromWkt(steps["add_wkt"]))
    for name, value in steps["add"].items():
        added.setAttribute(name, value)
    layer.addFeature(added)
    said["added"] = [layer.commitChanges(), layer.commitErrors()]
    layer.startEditing()
    layer.deleteFeature(one(steps["delete"]).id())
    said["deleted"] = [layer.commitChanges(), layer.commitErrors()]
    return said


def picture(asked):
    """Open a map layer by WMTS or XYZ, and say whether QGIS takes it."""
    layer = QgsRasterLayer(asked["picture"], "picture", "wms")
    return {"valid": layer.isValid(), "crs": layer.crs().authid(), "error": layer.error().message()}


def main():
    if len(sys.argv) < 2:
        sys.stdout.write(f"{Qgis.QGIS_VERSION_INT}\n")
        return
    asked = json.loads(sys.argv[1])
    application = QgsApplication([], GUIenabled=False)
    application.initQgis()
    try:
        does = edit if "edit" in asked else picture if "picture" in asked else read
        sys.stdout.write(json.dumps(does(asked), ensure_ascii=False))
    finally:
        sys.stdout.flush()
        application.exitQgis()


main()
