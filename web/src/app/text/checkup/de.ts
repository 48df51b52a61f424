import type { CheckupWords } from "./en";

export const de: CheckupWords = {
  title: "Kamera, Ton und Netz prüfen",
  lead: "Es dauert etwa eine halbe Minute. Ihre Kamera und Ihr Mikrofon werden hier ausprobiert, und ein Testbild geht zum Server und zurück. Niemand sonst sieht oder hört es, und nichts wird aufgezeichnet.",
  start: "Prüfung beginnen",
  again: "Noch einmal prüfen",
  running: "Wird geprüft…",
  tone: "Ton abspielen",
  heard: "Ich höre ihn",
  unheard: "Ich höre nichts",
  copy: "Bericht kopieren",
  copyHint: "Für die, die den Server betreiben. Er enthält weder Namen noch Adressen.",
  result: "Ergebnis",
  steps: {
    cam: "Kamera",
    mic: "Mikrofon",
    speaker: "Lautsprecher",
    server: "Gespräch mit dem Server",
    udp: "Ton und Bild per UDP",
    tcp: "Ton und Bild per TCP",
    relay: "Ton und Bild über das Relais des Servers",
    flow: "Bandbreite",
  },
  verdicts: {
    waiting: "noch nicht geprüft",
    running: "wird geprüft…",
    good: "gut",
    fair: "nicht ideal",
    bad: "Problem",
  },
  sayings: {
    camOn: "Der Browser darf Ihre Kamera benutzen. Sie sollten sich hier sehen.",
    micHeard: "Ihr Mikrofon gibt Ton.",
    micSilent:
      "Der Browser darf Ihr Mikrofon benutzen, aber bisher kam nichts Lautes. Sagen Sie etwas. Bewegt sich der Balken nicht, wählen Sie ein anderes Mikrofon, oder sehen Sie nach, ob es einen Schalter hat.",
    toneAsked: "Spielen Sie den Ton ab, und sagen Sie, ob Sie ihn hören.",
    toneHeard: "Sie hören den Ton.",
    toneUnheard:
      "Stellen Sie lauter, sehen Sie nach, was angeschlossen ist, und wählen Sie in den Einstellungen Ihres Systems einen anderen Lautsprecher.",
    serverAnswers: "Der Server antwortet.",
    serverSilent:
      "Die Seite kam an, aber ihr Gespräch mit dem Server (ein WebSocket) kommt nicht zustande. Vielleicht ist der Server gerade aus, oder etwas dazwischen, etwa ein Proxy der Firma, lässt es nicht durch. Versuchen Sie ein anderes Netz, zum Beispiel das Ihres Telefons. Ist es dort genauso, sagen Sie es denen, die den Server betreiben.",
    udpPasses: "Es kommt durch. Das ist der schnellste Weg.",
    udpBlocked:
      "UDP kommt nicht durch, wie in vielen Firmen und Hotels. Gespräche nehmen einen anderen Weg, der stocken kann, wenn das Netz langsam ist. Dann hilft ein anderes Netz, oder dass UDP in diesem freigegeben wird.",
    tcpPasses: "Es kommt durch.",
    tcpBlocked: "Es kommt nicht durch.",
    relayPasses: "Es kommt durch, verschlüsselt wie die Seite selbst.",
    relayBlocked: "Auch so kommt es nicht durch.",
    relayUnneeded: "So kommt es nicht durch, und das ist hier auch nicht nötig.",
    relayAbsent: "Dieser Server hat kein Relais, das sich prüfen ließe.",
    flowGood: "Das reicht für ein Gespräch mit Bildern. Vielleicht ginge mehr: Mehr wurde nicht versucht.",
    flowFair: "Das reicht für Ton und ein kleines Bild. Mit „Daten sparen“ unter „Einstellungen“ geht es besser.",
    flowBad:
      "Das ist zu wenig für Bilder. Mit „Nur Ton“ unter „Einstellungen“ geht es besser. Gehen Sie näher ans WLAN, nehmen Sie ein Kabel, oder beenden Sie, was das Netz sonst noch benutzt.",
    flowNone: "Es ließ sich nicht messen, weil kein Bild durchkam.",
  },
  roundTrip: (ms) => `Hin und zurück: ${ms} ms.`,
  flow: (kilobits, loss) => `${kilobits} kbit/s kamen vom Server zurück; ${loss} gingen verloren.`,
  conclusions: {
    allGood: "Alles in Ordnung. Gespräche sollten gelingen.",
    devices: "Nach Kamera oder Ton dieses Geräts ist zu sehen: siehe oben.",
    serverSilent: "Mit dem Server lässt sich von hier aus nicht sprechen.",
    serverRefuses: "Der Server antwortet, lässt die Prüfung aber nicht weitergehen: siehe oben.",
    noWay:
      "Weder Ton noch Bild kommen bis zum Server durch. Können andere dort an Gesprächen teilnehmen, liegt es an Ihrem Netz: Versuchen Sie ein anderes. Kann es niemand, sagen Sie es denen, die den Server betreiben: Sein Port muss für UDP und TCP offen sein.",
    onlyRelay:
      "Ihr Netz lässt nur durch, was wie Webseiten aussieht. Gespräche gehen über das Relais des Servers und können stocken, wenn das Netz langsam ist.",
    noUdp: "Ihr Netz sperrt UDP. Gespräche gehen per TCP und können stocken, wenn das Netz langsam ist.",
    narrow: "Gespräche gehen, aber Ihr Netz trägt wenig: siehe oben.",
  },
  sides: {
    nobody: "Es ist nichts zu tun.",
    device: "Es liegt an Ihrem Gerät.",
    network: "Es liegt an Ihrem Netz, nicht am Server.",
    server: "Es liegt am Server, nicht an Ihnen.",
    unclear: "Ob es an Ihrem Netz liegt oder am Server, zeigt nur ein anderes Netz oder eine andere Person.",
  },
};
