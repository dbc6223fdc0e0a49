import com.healthmarketscience.jackcess.*;
import java.io.File;
import java.time.LocalDateTime;

/** Writes the pipe census of tests/data/census.mdb: java MakeCensus FILE V2000|V2010. */
public class MakeCensus {
  static Table points(Database db, String name) throws Exception {
    return new TableBuilder(name)
      .addColumn(new ColumnBuilder("Prj_No", DataType.TEXT)).addColumn(new ColumnBuilder("Map_No", DataType.TEXT))
      .addColumn(new ColumnBuilder("Exp_No", DataType.TEXT)).addColumn(new ColumnBuilder("Type", DataType.TEXT))
      .addColumn(new ColumnBuilder("X", DataType.DOUBLE)).addColumn(new ColumnBuilder("Y", DataType.DOUBLE))
      .addColumn(new ColumnBuilder("High", DataType.DOUBLE)).addColumn(new ColumnBuilder("Feature", DataType.TEXT))
      .addColumn(new ColumnBuilder("Subsid", DataType.TEXT)).addColumn(new ColumnBuilder("WellDeep", DataType.FLOAT))
      .addColumn(new ColumnBuilder("WellMaterial", DataType.TEXT)).addColumn(new ColumnBuilder("Address", DataType.MEMO))
      .addColumn(new ColumnBuilder("Belong", DataType.TEXT)).addColumn(new ColumnBuilder("MDate", DataType.SHORT_DATE_TIME))
      .addColumn(new ColumnBuilder("Ustatus", DataType.INT)).addColumn(new ColumnBuilder("Checked", DataType.BOOLEAN))
      .toTable(db);
  }
  static Table lines(Database db, String name) throws Exception {
    return new TableBuilder(name)
      .addColumn(new ColumnBuilder("S_Exp", DataType.TEXT)).addColumn(new ColumnBuilder("S_X", DataType.DOUBLE))
      .addColumn(new ColumnBuilder("S_Y", DataType.DOUBLE)).addColumn(new ColumnBuilder("S_Deep", DataType.DOUBLE))
      .addColumn(new ColumnBuilder("E_Exp", DataType.TEXT)).addColumn(new ColumnBuilder("E_X", DataType.DOUBLE))
      .addColumn(new ColumnBuilder("E_Y", DataType.DOUBLE)).addColumn(new ColumnBuilder("E_Deep", DataType.DOUBLE))
      .addColumn(new ColumnBuilder("Material", DataType.TEXT)).addColumn(new ColumnBuilder("PSize", DataType.TEXT))
      .addColumn(new ColumnBuilder("EmBed", DataType.TEXT)).addColumn(new ColumnBuilder("FlowDir", DataType.TEXT))
      .addColumn(new ColumnBuilder("CabNum", DataType.LONG)).addColumn(new ColumnBuilder("MDate", DataType.SHORT_DATE_TIME))
      .addColumn(new ColumnBuilder("Belong", DataType.TEXT)).toTable(db);
  }
  static void census(Database db, String kind, double north, String material, String size, String flow) throws Exception {
    Table points = points(db, kind + "_POINT"), lines = lines(db, kind + "_LINE");
    LocalDateTime day = LocalDateTime.of(2019, 5, 17, 0, 0);
    for (int i = 1; i <= 4; i++) {
      points.addRow("P1", kind + "-" + i, kind + i, kind, north + 40.125 * i, 497538.0 + 0.5 * i, 4.0 + 0.01 * i, i == 4 ? null : "直线点",
        i == 4 ? (kind.equals("WS") ? "窨井" : "阀门") : null, i == 4 ? 2.5f : null, "砖,\"红\"", "中山路 " + i + " 号\n院内", "自来水公司", day, 0, i % 2 == 0);
    }
    for (int i = 1; i < 4; i++) {
      lines.addRow(kind + i, north + 40.125 * i, 497538.0 + 0.5 * i, 1.5, kind + (i + 1), north + 40.125 * (i + 1), 497538.0 + 0.5 * (i + 1), 1.6,
        material, size, "直埋", flow, null, day, "自来水公司");
    }
  }
  public static void main(String[] a) throws Exception {
    try (Database db = DatabaseBuilder.create(Database.FileFormat.valueOf(a[1]), new File(a[0]))) {
      census(db, "JS", 3520895.0, "球墨铸铁", "DN300", "0");
      census(db, "WS", 3520905.0, "混凝土", "800×600", "+");
      new TableBuilder("项目信息").addColumn(new ColumnBuilder("项目", DataType.TEXT)).addColumn(new ColumnBuilder("单位", DataType.TEXT))
        .toTable(db).addRow("普查", "勘测院");
    }
  }
}
