import type { CheckupWords } from "./en";

export const pt: CheckupWords = {
  title: "Verificar câmara, som e rede",
  lead: "Demora cerca de meio minuto. Aqui experimentam-se a sua câmara e o seu microfone, e uma imagem de teste vai ao servidor e volta. Mais ninguém a vê nem ouve, e nada é gravado.",
  start: "Começar a verificação",
  again: "Verificar outra vez",
  running: "A verificar…",
  tone: "Tocar um som",
  heard: "Ouço-o",
  unheard: "Não ouço nada",
  copy: "Copiar o relatório",
  copyHint: "Para quem gere o servidor. Não contém nomes nem endereços.",
  result: "Resultado",
  steps: {
    cam: "Câmara",
    mic: "Microfone",
    speaker: "Altifalante",
    server: "Conversa com o servidor",
    udp: "Som e imagem por UDP",
    tcp: "Som e imagem por TCP",
    relay: "Som e imagem pelo retransmissor do servidor",
    flow: "Largura de banda",
  },
  verdicts: {
    waiting: "ainda não verificado",
    running: "a verificar…",
    good: "bom",
    fair: "não é o ideal",
    bad: "problema",
  },
  sayings: {
    camOn: "O navegador pode usar a sua câmara. Deverá ver-se aqui.",
    micHeard: "O seu microfone dá som.",
    micSilent:
      "O navegador pode usar o seu microfone, mas ainda não veio dele nada alto. Diga alguma coisa. Se a barra não se mexer, escolha outro microfone ou veja se tem um interruptor.",
    toneAsked: "Toque o som e diga se o ouve.",
    toneHeard: "Ouve o som.",
    toneUnheard: "Aumente o volume, veja o que está ligado e escolha outro altifalante nas definições do seu sistema.",
    serverAnswers: "O servidor responde.",
    serverSilent:
      "A página chegou, mas a conversa dela com o servidor (um WebSocket) não se estabelece. Talvez o servidor esteja parado agora, ou algo no caminho, como o proxy de uma empresa, não a deixe passar. Experimente outra rede, por exemplo a do seu telefone. Se for igual, diga-o a quem gere o servidor.",
    udpPasses: "Passa. É o caminho mais rápido.",
    udpBlocked:
      "UDP não passa, como em muitas empresas e hotéis. As chamadas tomam outro caminho, que pode falhar quando a rede está lenta. Nesse caso, experimente outra rede ou peça a quem gere esta que deixe passar UDP.",
    tcpPasses: "Passa.",
    tcpBlocked: "Não passa.",
    relayPasses: "Passa, com a mesma cifra que a página.",
    relayBlocked: "Também assim não passa.",
    relayUnneeded: "Assim não passa, e aqui não é preciso.",
    relayAbsent: "Este servidor não tem um retransmissor para experimentar.",
    flowGood: "Chega para uma chamada com imagens. Talvez dê para mais: não se experimentou mais.",
    flowFair: "Chega para o som e uma imagem pequena. Poupar dados, nas definições, melhora as chamadas.",
    flowBad:
      "É pouco para imagens. Só som, nas definições, melhora as chamadas. Aproxime-se do Wi-Fi, use um cabo ou feche o que mais usa a rede.",
    flowNone: "Não se pôde medir, porque não passou nenhuma imagem.",
  },
  roundTrip: (ms) => `Ida e volta: ${ms} ms.`,
  flow: (kilobits, loss) => `Do servidor voltaram ${kilobits} kbit/s; perdeu-se ${loss}.`,
  conclusions: {
    allGood: "Está tudo bem. As chamadas deverão funcionar.",
    devices: "É preciso ver a câmara ou o som deste aparelho: veja acima.",
    serverSilent: "Daqui não se consegue falar com o servidor.",
    serverRefuses: "O servidor responde, mas não deixa continuar a verificação: veja acima.",
    noWay:
      "Nem o som nem a imagem chegam ao servidor. Se outras pessoas fazem chamadas nele, o problema está na sua rede: experimente outra. Se ninguém consegue, diga-o a quem gere o servidor: a porta dele tem de estar aberta para UDP e TCP.",
    onlyRelay:
      "A sua rede só deixa passar o que parece páginas da Web. As chamadas passam pelo retransmissor do servidor e podem falhar quando a rede está lenta.",
    noUdp: "A sua rede bloqueia UDP. As chamadas vão por TCP e podem falhar quando a rede está lenta.",
    narrow: "As chamadas funcionam, mas a sua rede leva pouco: veja acima.",
  },
  sides: {
    nobody: "Não há nada a fazer.",
    device: "É do seu aparelho.",
    network: "É da sua rede, não do servidor.",
    server: "É do servidor, não de si.",
    unclear: "Se é da sua rede ou do servidor, só outra rede ou outra pessoa o pode dizer.",
  },
};
