package peers.flink;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.math.BigDecimal;
import java.util.LinkedHashMap;
import java.util.Map;

/** Prints the totals, one line per window and measure, to stderr. */
final class Totals {
    private Totals() {}

    static void print() {
        for (int w = 0; w < Windows.COUNT; w++) {
            StringBuilder b = new StringBuilder("total ").append(Windows.NAMES[w]);
            for (int m = 1; m < Measure.COUNT; m++) {
                TotalsDelta t = Harness.TOTALS.get(w * Measure.COUNT + m);
                b.append(' ').append(Measure.NAMES[m]).append('=')
                        .append(t == null ? "0" : BigDecimal.valueOf(t.amount, 6).toPlainString())
                        .append('/').append(t == null ? 0 : t.customers);
            }
            System.err.println(b);
        }
    }

    /** {"as_of": ms, "totals": {window: {measure: micro-units}}}. */
    static void write(String file, long asOf) throws IOException {
        byte[] measures = {Measure.OPENING, Measure.NEW, Measure.REACTIVATION, Measure.EXPANSION, Measure.CONTRACTION,
            Measure.CHURN, Measure.CLOSING};
        Map<String, Map<String, Long>> totals = new LinkedHashMap<>();
        for (int w = 0; w < Windows.COUNT; w++) {
            Map<String, Long> m = new LinkedHashMap<>();
            for (byte x : measures) {
                TotalsDelta t = Harness.TOTALS.get(w * Measure.COUNT + x);
                m.put(Measure.NAMES[x], t == null ? 0 : t.amount);
            }
            totals.put(Windows.NAMES[w], m);
        }
        new ObjectMapper().writeValue(new File(file), Map.of("as_of", asOf, "totals", totals));
    }
}
