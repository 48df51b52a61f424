import type { CheckupWords } from "./en";

export const it: CheckupWords = {
  title: "Controlla videocamera, audio e rete",
  lead: "Ci vuole circa mezzo minuto. Qui si provano la tua videocamera e il tuo microfono, e un’immagine di prova va al server e torna. Nessun altro la vede o la sente, e niente viene registrato.",
  start: "Inizia il controllo",
  again: "Controlla di nuovo",
  running: "Controllo in corso…",
  tone: "Riproduci un suono",
  heard: "Lo sento",
  unheard: "Non sento niente",
  copy: "Copia il rapporto",
  copyHint: "Per chi gestisce il server. Non contiene nomi né indirizzi.",
  result: "Risultato",
  steps: {
    cam: "Videocamera",
    mic: "Microfono",
    speaker: "Altoparlante",
    server: "Dialogo con il server",
    udp: "Audio e immagine via UDP",
    tcp: "Audio e immagine via TCP",
    relay: "Audio e immagine attraverso il relay del server",
    flow: "Banda",
  },
  verdicts: {
    waiting: "non ancora controllato",
    running: "controllo in corso…",
    good: "bene",
    fair: "non ideale",
    bad: "problema",
  },
  sayings: {
    camOn: "Il browser può usare la tua videocamera. Dovresti vederti qui.",
    micHeard: "Il tuo microfono dà suono.",
    micSilent:
      "Il browser può usare il tuo microfono, ma finora non è arrivato niente di forte. Di’ qualcosa. Se la barra non si muove, scegli un altro microfono o guarda se ha un interruttore.",
    toneAsked: "Riproduci il suono e di’ se lo senti.",
    toneHeard: "Senti il suono.",
    toneUnheard:
      "Alza il volume, guarda che cosa è collegato e scegli un altro altoparlante nelle impostazioni del sistema.",
    serverAnswers: "Il server risponde.",
    serverSilent:
      "La pagina è arrivata, ma il suo dialogo con il server (un WebSocket) non si stabilisce. Forse il server adesso è spento, o qualcosa lungo la via, come il proxy di un’azienda, non lo lascia passare. Prova un’altra rete, per esempio quella del telefono. Se è lo stesso, dillo a chi gestisce il server.",
    udpPasses: "Passa. È la via più veloce.",
    udpBlocked:
      "UDP non passa, come in molte aziende e alberghi. Le chiamate prendono un’altra via, che può andare a scatti se la rete è lenta. In quel caso prova un’altra rete, o chiedi a chi gestisce questa di lasciar passare UDP.",
    tcpPasses: "Passa.",
    tcpBlocked: "Non passa.",
    relayPasses: "Passa, con la stessa cifratura della pagina.",
    relayBlocked: "Non passa nemmeno così.",
    relayUnneeded: "Così non passa, e qui non serve.",
    relayAbsent: "Questo server non ha un relay da provare.",
    flowGood: "Basta per una chiamata con immagini. Forse ci sta di più: di più non si è provato.",
    flowFair: "Basta per l’audio e un’immagine piccola. Risparmiare dati, nelle impostazioni, aiuta le chiamate.",
    flowBad:
      "È troppo poco per le immagini. Solo audio, nelle impostazioni, aiuta le chiamate. Avvicinati al Wi-Fi, usa un cavo o chiudi ciò che usa la rete.",
    flowNone: "Non si è potuto misurare, perché nessuna immagine è passata.",
  },
  roundTrip: (ms) => `Andata e ritorno: ${ms} ms.`,
  flow: (kilobits, loss) => `Dal server sono tornati ${kilobits} kbit/s; perso il ${loss}.`,
  conclusions: {
    allGood: "Va tutto bene. Le chiamate dovrebbero funzionare.",
    devices: "C’è da guardare la videocamera o l’audio di questo dispositivo: vedi sopra.",
    serverSilent: "Da qui non si può parlare con il server.",
    serverRefuses: "Il server risponde, ma non lascia continuare il controllo: vedi sopra.",
    noWay:
      "Né l’audio né l’immagine arrivano al server. Se altri vi fanno chiamate, il problema è nella tua rete: provane un’altra. Se nessuno ci riesce, dillo a chi gestisce il server: la sua porta deve essere aperta per UDP e TCP.",
    onlyRelay:
      "La tua rete lascia passare solo ciò che sembra una pagina web. Le chiamate passano dal relay del server e possono andare a scatti se la rete è lenta.",
    noUdp: "La tua rete blocca UDP. Le chiamate vanno via TCP e possono andare a scatti se la rete è lenta.",
    narrow: "Le chiamate funzionano, ma la tua rete porta poco: vedi sopra.",
  },
  sides: {
    nobody: "Non c’è niente da fare.",
    device: "Dipende dal tuo dispositivo.",
    network: "Dipende dalla tua rete, non dal server.",
    server: "Dipende dal server, non da te.",
    unclear: "Se dipende dalla tua rete o dal server, lo dice solo un’altra rete o un’altra persona.",
  },
};
