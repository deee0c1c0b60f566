"""Messages in other languages and scripts, and keyboard noise: one polite English sentence."""

from __future__ import annotations

import random

from inference.training.skills import words
from inference.training.skills.chat import Chat, pick

ANSWER = "I can only read and write English, sorry. Please ask me in English, for example: Tell me a story about a fox."
# First and last letter of each script's common range; a few signs that are no letters there do no harm.
_SCRIPTS = {
    "chinese": (0x4E00, 0x9FA5), "japanese": (0x3041, 0x3096), "katakana": (0x30A1, 0x30FA), "korean": (0xAC00, 0xD7A3), "cyrillic": (0x0430, 0x044F), "greek": (0x03B1, 0x03C9),
    "arabic": (0x0627, 0x064A), "hebrew": (0x05D0, 0x05EA), "hindi": (0x0905, 0x0939), "thai": (0x0E01, 0x0E2E), "tamil": (0x0B85, 0x0BB9), "georgian": (0x10D0, 0x10F0), "armenian": (0x0561, 0x0586),
    "bengali": (0x0985, 0x09B9), "ethiopic": (0x1200, 0x1248),
}  # fmt: skip
_WITHOUT_SPACES = frozenset({"chinese", "japanese", "katakana", "thai"})
_REAL = {
    "german": ("hallo, wie geht es dir?|wer bist du?|was ist das hier für ein programm?|erzähl mir eine geschichte|kannst du deutsch?|guten morgen|wie spät ist es?|ich heiße $n|danke schön|was kannst du?|wo finde ich die "
               "einstellungen?|schreib mir ein gedicht über $n|wie lösche ich einen chat?|ich verstehe das nicht|bitte hilf mir|wie ist das wetter in $c?"),
    "french": ("bonjour, comment ça va ?|qui es-tu ?|raconte-moi une histoire|parles-tu français ?|merci beaucoup|je m'appelle $n|quelle heure est-il ?|où sont les réglages ?|comment supprimer une conversation ?|je ne comprends "
               "pas|écris un poème sur $n|bonsoir|aide-moi s'il te plaît|quel temps fait-il à $c ?"),
    "spanish": ("hola, ¿cómo estás?|¿quién eres?|cuéntame un cuento|¿hablas español?|muchas gracias|me llamo $n|¿qué hora es?|¿dónde están los ajustes?|no entiendo|buenos días|escribe un poema sobre $n|¿qué tiempo hace en $c?|ayúdame por favor"),
    "italian": "ciao, come stai?|chi sei?|raccontami una storia|parli italiano?|grazie mille|mi chiamo $n|che ore sono?|dove sono le impostazioni?|non capisco|buongiorno|scrivi una poesia su $n|che tempo fa a $c?",
    "portuguese": "olá, tudo bem?|quem é você?|conte-me uma história|você fala português?|muito obrigado|meu nome é $n|que horas são?|onde ficam as configurações?|não entendo|bom dia",
    "dutch": "hallo, hoe gaat het?|wie ben jij?|vertel me een verhaal|spreek je nederlands?|dank je wel|ik heet $n|hoe laat is het?|waar zijn de instellingen?|ik begrijp het niet|goedemorgen",
    "polish": "cześć, jak się masz?|kim jesteś?|opowiedz mi bajkę|czy mówisz po polsku?|dziękuję bardzo|mam na imię $n|która jest godzina?|nie rozumiem|dzień dobry",
    "turkish": "merhaba, nasılsın?|sen kimsin?|bana bir hikaye anlat|türkçe biliyor musun?|teşekkür ederim|benim adım $n|saat kaç?|anlamıyorum|günaydın",
    "swedish": "hej, hur mår du?|vem är du?|berätta en saga|talar du svenska?|tack så mycket|jag heter $n|vad är klockan?|jag förstår inte|god morgon",
    "finnish": "hei, mitä kuuluu?|kuka sinä olet?|kerro minulle tarina|puhutko suomea?|kiitos paljon|nimeni on $n|paljonko kello on?|en ymmärrä",
    "czech": "ahoj, jak se máš?|kdo jsi?|vyprávěj mi pohádku|mluvíš česky?|děkuji moc|jmenuji se $n|kolik je hodin?|nerozumím|dobrý den",
    "hungarian": "szia, hogy vagy?|ki vagy te?|mesélj egy mesét|beszélsz magyarul?|köszönöm szépen|a nevem $n|hány óra van?|nem értem",
    "vietnamese": "xin chào, bạn khỏe không?|bạn là ai?|kể cho tôi một câu chuyện|bạn nói tiếng việt không?|cảm ơn nhiều|tôi tên là $n|mấy giờ rồi?|tôi không hiểu",
    "indonesian": "halo, apa kabar?|kamu siapa?|ceritakan sebuah cerita|bisa bahasa indonesia?|terima kasih banyak|nama saya $n|jam berapa sekarang?|saya tidak mengerti",
    "latin": "salve, quid agis?|quis es?|narra mihi fabulam|loquerisne latine?|gratias tibi ago|nomen mihi est $n",
    "russian": "привет, как дела?|кто ты?|расскажи мне сказку|ты говоришь по-русски?|большое спасибо|меня зовут $n|который час?|я не понимаю|доброе утро|где настройки?",
    "chinese": "你好|你是谁？|给我讲一个故事|你会说中文吗？|谢谢|我叫$n|现在几点？|我不明白|早上好|怎么删除聊天？|你能做什么？|天气怎么样？",
    "japanese": "こんにちは|あなたは誰ですか？|お話を聞かせて|日本語を話せますか？|ありがとう|私の名前は$nです|今何時ですか？|わかりません|おはようございます",
    "arabic": "مرحبا كيف حالك؟|من أنت؟|احك لي قصة|هل تتكلم العربية؟|شكرا جزيلا|اسمي $n|كم الساعة؟|لا أفهم",
    "hindi": "नमस्ते, आप कैसे हैं?|आप कौन हैं?|मुझे एक कहानी सुनाओ|क्या आप हिंदी बोलते हैं?|धन्यवाद|मेरा नाम $n है",
    "korean": "안녕하세요|당신은 누구세요?|이야기를 들려주세요|한국어 할 수 있어요?|감사합니다|제 이름은 $n입니다|지금 몇 시예요?",
}  # fmt: skip


def other_language(rng: random.Random) -> Chat:
    """A real sentence of another language, or random letters of another script."""
    if rng.random() < 0.55:
        language = pick(tuple(_REAL), rng)
        text = pick(_REAL[language].split("|"), rng).replace("$n", words.name(rng)).replace("$c", words.city(rng))
        if rng.random() < 0.4:
            text = text[:1].upper() + text[1:]
        if rng.random() < 0.3:
            text = text.rstrip("?.!¿？ ")
    else:
        language = pick(tuple(_SCRIPTS), rng)
        first, last = _SCRIPTS[language]
        parts = [
            "".join(chr(rng.randint(first, last)) for _ in range(rng.randint(2, 8))) for _ in range(rng.randint(1, 5))
        ]
        text = ("" if language in _WITHOUT_SPACES else " ").join(parts)
    return Chat((("user", text),), ANSWER, "language", language)
