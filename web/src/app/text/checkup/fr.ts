import type { CheckupWords } from "./en";

export const fr: CheckupWords = {
  title: "Vérifier la caméra, le son et le réseau",
  lead: "Cela prend environ une demi-minute. Votre caméra et votre micro sont essayés ici, et une image d’essai va au serveur et en revient. Personne d’autre ne la voit ni ne l’entend, et rien n’est enregistré.",
  start: "Commencer la vérification",
  again: "Vérifier à nouveau",
  running: "Vérification…",
  tone: "Jouer un son",
  heard: "Je l’entends",
  unheard: "Je n’entends rien",
  copy: "Copier le rapport",
  copyHint: "Pour qui administre le serveur. Il ne contient ni noms ni adresses.",
  result: "Résultat",
  steps: {
    cam: "Caméra",
    mic: "Micro",
    speaker: "Haut-parleur",
    server: "Échange avec le serveur",
    udp: "Son et image en UDP",
    tcp: "Son et image en TCP",
    relay: "Son et image par le relais du serveur",
    flow: "Débit",
  },
  verdicts: {
    waiting: "pas encore vérifié",
    running: "vérification…",
    good: "bon",
    fair: "pas idéal",
    bad: "problème",
  },
  sayings: {
    camOn: "Le navigateur peut utiliser votre caméra. Vous devriez vous voir ici.",
    micHeard: "Votre micro donne du son.",
    micSilent:
      "Le navigateur peut utiliser votre micro, mais rien de fort n’en est encore venu. Dites quelque chose. Si la barre ne bouge pas, choisissez un autre micro, ou regardez s’il a un interrupteur.",
    toneAsked: "Jouez le son, et dites si vous l’entendez.",
    toneHeard: "Vous entendez le son.",
    toneUnheard:
      "Montez le volume, regardez ce qui est branché, et choisissez un autre haut-parleur dans les réglages de votre système.",
    serverAnswers: "Le serveur répond.",
    serverSilent:
      "La page est arrivée, mais son échange avec le serveur (un WebSocket) ne s’établit pas. Le serveur est peut-être arrêté en ce moment, ou quelque chose sur le chemin, comme le proxy d’une entreprise, ne le laisse pas passer. Essayez un autre réseau, par exemple celui de votre téléphone. Si c’est pareil, dites-le à qui administre le serveur.",
    udpPasses: "Cela passe. C’est le chemin le plus rapide.",
    udpBlocked:
      "L’UDP ne passe pas, comme dans beaucoup d’entreprises et d’hôtels. Les appels prennent un autre chemin, qui peut saccader si le réseau est lent. Dans ce cas, essayez un autre réseau, ou demandez que celui-ci laisse passer l’UDP.",
    tcpPasses: "Cela passe.",
    tcpBlocked: "Cela ne passe pas.",
    relayPasses: "Cela passe, sous le même chiffrement que la page.",
    relayBlocked: "Cela ne passe pas non plus.",
    relayUnneeded: "Cela ne passe pas, et ce n’est pas nécessaire ici.",
    relayAbsent: "Ce serveur n’a pas de relais à essayer.",
    flowGood: "C’est assez pour un appel avec images. Davantage est peut-être possible : on n’a pas essayé plus.",
    flowFair: "C’est assez pour le son et une petite image. Dans les réglages, économiser les données aide les appels.",
    flowBad:
      "C’est trop peu pour des images. Dans les réglages, le son seul aide les appels. Rapprochez-vous du Wi-Fi, prenez un câble, ou arrêtez ce qui utilise aussi le réseau.",
    flowNone: "On n’a pas pu mesurer, car aucune image n’est passée.",
  },
  roundTrip: (ms) => `Aller et retour : ${ms} ms.`,
  flow: (kilobits, loss) => `${kilobits} kbit/s sont revenus du serveur ; ${loss} de pertes.`,
  conclusions: {
    allGood: "Tout va bien. Les appels devraient marcher.",
    devices: "La caméra ou le son de cet appareil sont à voir : lisez ci-dessus.",
    serverSilent: "D’ici, on ne peut pas parler au serveur.",
    serverRefuses: "Le serveur répond, mais ne laisse pas la vérification continuer : lisez ci-dessus.",
    noWay:
      "Ni le son ni l’image n’arrivent au serveur. Si d’autres y font des appels, le problème est dans votre réseau : essayez-en un autre. Si personne ne le peut, dites-le à qui administre le serveur : son port doit être ouvert en UDP et en TCP.",
    onlyRelay:
      "Votre réseau ne laisse passer que ce qui ressemble à des pages web. Les appels passent par le relais du serveur, et peuvent saccader si le réseau est lent.",
    noUdp: "Votre réseau bloque l’UDP. Les appels passent en TCP, et peuvent saccader si le réseau est lent.",
    narrow: "Les appels marchent, mais votre réseau porte peu : lisez ci-dessus.",
  },
  sides: {
    nobody: "Il n’y a rien à faire.",
    device: "Cela vient de votre appareil.",
    network: "Cela vient de votre réseau, pas du serveur.",
    server: "Cela vient du serveur, pas de vous.",
    unclear: "Si cela vient de votre réseau ou du serveur, seul un autre réseau ou une autre personne peut le dire.",
  },
};
