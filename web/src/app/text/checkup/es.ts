import type { CheckupWords } from "./en";

export const es: CheckupWords = {
  title: "Comprobar cámara, sonido y red",
  lead: "Tarda cerca de medio minuto. Aquí se prueban su cámara y su micrófono, y una imagen de prueba va al servidor y vuelve. Nadie más la ve ni la oye, y no se graba nada.",
  start: "Empezar la comprobación",
  again: "Comprobar otra vez",
  running: "Comprobando…",
  tone: "Reproducir un tono",
  heard: "Lo oigo",
  unheard: "No oigo nada",
  copy: "Copiar el informe",
  copyHint: "Para quien lleva el servidor. No contiene nombres ni direcciones.",
  result: "Resultado",
  steps: {
    cam: "Cámara",
    mic: "Micrófono",
    speaker: "Altavoz",
    server: "Conversación con el servidor",
    udp: "Sonido e imagen por UDP",
    tcp: "Sonido e imagen por TCP",
    relay: "Sonido e imagen por el repetidor del servidor",
    flow: "Ancho de banda",
  },
  verdicts: {
    waiting: "aún sin comprobar",
    running: "comprobando…",
    good: "bien",
    fair: "mejorable",
    bad: "problema",
  },
  sayings: {
    camOn: "El navegador puede usar su cámara. Debería verse aquí.",
    micHeard: "Su micrófono da sonido.",
    micSilent:
      "El navegador puede usar su micrófono, pero aún no ha llegado nada fuerte. Diga algo. Si la barra no se mueve, elija otro micrófono o mire si tiene un interruptor.",
    toneAsked: "Reproduzca el tono y diga si lo oye.",
    toneHeard: "Usted oye el tono.",
    toneUnheard: "Suba el volumen, mire qué está enchufado y elija otro altavoz en los ajustes de su sistema.",
    serverAnswers: "El servidor responde.",
    serverSilent:
      "La página llegó, pero su conversación con el servidor (un WebSocket) no se establece. Quizá el servidor esté parado ahora, o algo en el camino, como el proxy de una empresa, no la deja pasar. Pruebe otra red, por ejemplo la de su teléfono. Si allí pasa lo mismo, dígaselo a quien lleva el servidor.",
    udpPasses: "Pasa. Es el camino más rápido.",
    udpBlocked:
      "UDP no pasa, como en muchas empresas y hoteles. Las llamadas toman otro camino, que puede entrecortarse si la red es lenta. En ese caso, pruebe otra red o pida a quien lleva esta que deje pasar UDP.",
    tcpPasses: "Pasa.",
    tcpBlocked: "No pasa.",
    relayPasses: "Pasa, con el mismo cifrado que la página.",
    relayBlocked: "Tampoco pasa así.",
    relayUnneeded: "No pasa así, y aquí no hace falta.",
    relayAbsent: "Este servidor no tiene un repetidor que probar.",
    flowGood: "Basta para una llamada con imágenes. Quizá quepa más: no se ha probado con más.",
    flowFair: "Basta para el sonido y una imagen pequeña. Ahorrar datos, en los ajustes, mejora las llamadas.",
    flowBad:
      "Es demasiado poco para imágenes. Solo sonido, en los ajustes, mejora las llamadas. Acérquese al wifi, use un cable o cierre lo demás que usa la red.",
    flowNone: "No se pudo medir, porque no pasó ninguna imagen.",
  },
  roundTrip: (ms) => `Ida y vuelta: ${ms} ms.`,
  flow: (kilobits, loss) => `Del servidor volvieron ${kilobits} kbit/s; se perdió el ${loss}.`,
  conclusions: {
    allGood: "Todo está bien. Las llamadas deberían funcionar.",
    devices: "Hay que mirar la cámara o el sonido de este aparato: vea arriba.",
    serverSilent: "Desde aquí no se puede hablar con el servidor.",
    serverRefuses: "El servidor responde, pero no deja seguir la comprobación: vea arriba.",
    noWay:
      "Ni el sonido ni la imagen llegan al servidor. Si otras personas pueden hacer llamadas en él, el problema está en su red: pruebe otra. Si nadie puede, dígaselo a quien lleva el servidor: su puerto debe estar abierto para UDP y TCP.",
    onlyRelay:
      "Su red solo deja pasar lo que parece una página web. Las llamadas van por el repetidor del servidor y pueden entrecortarse si la red es lenta.",
    noUdp: "Su red bloquea UDP. Las llamadas van por TCP y pueden entrecortarse si la red es lenta.",
    narrow: "Las llamadas funcionan, pero su red da para poco: vea arriba.",
  },
  sides: {
    nobody: "No hay que hacer nada.",
    device: "Se debe a su aparato.",
    network: "Se debe a su red, no al servidor.",
    server: "Se debe al servidor, no a usted.",
    unclear: "Si se debe a su red o al servidor, solo lo dirá otra red u otra persona.",
  },
};
