/**
 * The few words that tell which role a value plays in a sentence. English; a sentence in another language has none of
 * them, so that in a session that read untrusted text its values are confirmed.
 */
const set = (words: string): ReadonlySet<string> => new Set(words.split(/\s+/));

/** Orders that something be paid. */
export const payVerbs = set(
  `pay transfer send wire refund reimburse donate tip settle remit repay purchase buy credit forward deposit top move
   put book order reserve rent hire subscribe contribute compensate`,
);

/** Orders with an effect on somebody or something else. */
export const effectVerbs = new Set([
  ...payVerbs,
  ...set(
    `email e-mail mail message msg dm notify ping tell ask inform invite add remind contact call text include reply respond
     answer write deliver book reserve order post share publish announce submit upload create schedule set make arrange
     plan put save append update change edit rename move copy assign open-up grant give remove delete cancel reschedule
     subscribe register cc bcc loop let drop leave hand fill log file draft record mark rate comment split broadcast
     congratulate thank warn welcome wish introduce connect meet pass relay shoot circulate distribute escalate brief alert nudge
     phone ring sms request propose offer suggest assure apologise apologize confirm follow push trigger enter insert store keep
     note archive label tag report charge`,
  ),
]);

/** Orders of what a class of tools does: that something be paid, be gone, or that somebody may do something or no longer. */
export const ordersOf: Readonly<Record<string, ReadonlySet<string>>> = {
  payment: new Set([...payVerbs, 'take']),
  delete: set('delete remove cancel end erase discard trash bin clear'),
  access: set(
    `share invite add give grant let allow permit make set assign appoint promote demote remove revoke freeze unfreeze block
     unblock lock unlock raise lower limit change update`,
  ),
};

/** Where somebody's money lies. */
export const accountWords = set('account iban wallet fund pot savings');

/** What follows is not what an order is for, though it stands in its clause. */
export const asideWords = set(
  'about regarding concerning from like than after before since what whether if because as when while so who which that',
);

/** Nor is the whole, where only a part of it is to be gone: "delete the line in a.txt". */
export const partWords = set('of in');

/** What stands before the name of a folder. */
export const folderWords = set('in into to from under inside folder directory');

/** Orders that are nouns as well: they order something only where a clause begins with them. */
export const nounsToo = set(
  `email e-mail mail message msg dm contact call text reply answer order post record comment file log plan book share report
   charge credit deposit purchase transfer wire donate tip update change copy draft mark rate set book fill loop hand
   notify-list address schedule welcome wish top pass brief alert phone ring sms request offer push trigger store note archive
   label tag cc bcc rent ping nudge split`,
);

/** What may stand before an order at the start of its clause. */
export const leadIns = set(
  `please pls plz and then also next now kindly just quickly simply directly still so ok okay hi hey hello well great perfect good
   thanks right yes yep yeah sure fine alright can could would will should you i we want need like love have got to let's lets i'd
   we'd help me us must go ahead after afterwards finally lastly first second that once done try make sure be remember forget
   don't feel free - – —`,
);

/** When something is to be done; it may stand before an order as well: "on Friday at 10 send …". */
export const timeWords = set(
  `on at in by the this every each today tonight tomorrow morning noon afternoon evening night day week month year monday tuesday
   wednesday thursday friday saturday sunday`,
);

/** With these before it a verb is an order only where "you" stands before them: "could you pay", and not "Bob will pay". */
export const modals = set("can could will would shall should must may might 'll");

/** What follows "to" after one of these is asked of us: "I want you to pay", and not "remind Bob to pay". */
export const infinitiveLeads = set('want need like love have got you sure remember forget free ahead try');

/** Somebody says what they do, unless they say that they want it: "I pay ACME each month", "we need to pay". */
export const speakers = set("i we i'd we'd");
export const wishes = set('want need like love have got');

/** A clause that begins with one of these asks and orders nothing. */
export const questionWords = set(
  "how what what's when which who who's whom whose where why did do does has have had was were is are am isn't aren't if whether",
);

/** What a clause begins with that says what to write: "that we are late", and not "that file". */
export const clauseSubjects = set(
  `i i'm i'll we we're we'll he he's she she's it it's they they're you you're my our his her their your the there nobody
   everybody everything all`,
);

/** With one of these before it, a word that could order something does not. */
export const notOrdering = set(
  `the a an my our his her their your its this that these those last latest first second new old all any each every some no
   i we he she they it who which`,
);

/** Orders to look at something: nothing they name is a destination. */
export const readVerbs = set(
  `summarise summarize read check find list show get look search see tell-me review compare analyse analyze count describe
   explain translate proofread fetch browse visit download open load scan extract give-me watch compile retrieve view
   examine inspect verify calculate compute determine identify go`,
);

/** After "and", "then" or a comma one of these begins a clause of its own. */
export const orderVerbs = new Set([
  ...effectVerbs,
  ...readVerbs,
  ...Object.values(ordersOf).flatMap((verbs) => [...verbs]),
]);

/** What follows is where something came from, or what it is about. */
export const sourceWords = set(
  `from by of about regarding concerning re via per than like mentioning mentioned named called titled labelled labeled
   containing received written sent signed posted between against since until after before during near around beside`,
);

/** A clause of its own begins: who is named in it is not whom the order is for, unless a "to" leads there. */
export const subordinators = set(
  `that because if when whenever where who whom whose whoever what which whether while as since until unless so how why but than
   once though although`,
);
/** What somebody does or did: who stands before it is talked about. */
export const finiteVerbs = set(
  `is are was were isn't wasn't has have had hasn't will won't would can can't could should must may might does doesn't did didn't
   said says asked asks wants wanted needs needed knows knew made makes wrote writes sent sends gets got gave gives left leaves
   comes came goes went works worked lives sees saw told tells took takes owes owed paid pays bought joins joined aside`,
);
/** What follows "that" after one of these is what they say, with every "to" in it: "note that I paid it to Ann". */
export const sayingVerbs = set(
  'write note post announce add save record make tell let remind publish draft log put mention reply respond answer',
);
/** What follows is where something goes. */
export const destinationWords = set('to cc bcc at into onto toward towards');

/** These mean a destination after some orders only. */
export const withVerbs = set(
  'share meet schedule create book set arrange plan split discuss coordinate make add organise organize collaborate reschedule connect follow confirm',
);
export const forVerbs = set(
  'pay buy book order reserve create schedule set add purchase make donate register leave arrange put plan organise organize',
);
export const placeWords = set('in on');

/** After a word of {@link negations} they forbid nothing: "don't forget", "not only". */
export const undoingNegations = set('forget hesitate only just');
/** Nor does a bound: "no more than", "not later than". */
export const bounds = set('more less fewer later earlier sooner higher lower longer bigger');
/** "everything but …": only after one of these does it exclude. */
export const wholes = set(
  'all any anybody anyone anything everybody everyone everything nobody nothing none',
);
/** Orders not to do something: what follows an "and" is forbidden as well. */
export const prohibitions = set("not never don't dont without avoid");

/** Orders to write back to whoever wrote. */
export const replyVerbs = set('reply respond answer');
/** What somebody wrote, and may be answered. */
export const letterWords = set(
  `mail email e-mail message msg dm letter note question request invitation invite post comment text thread enquiry inquiry`,
);
/** They take the person directly; what follows "to" is then no destination: "tell Ann about the letter to Bob". */
export const tellVerbs = set('tell ask inform remind notify warn thank congratulate brief alert assure');
/** They may take a person before the thing: "send Ann the list of payments to ACME". */
export const giveVerbs = set('send forward give write pay show offer pass');
/** They may take a person and then what it is about: "email Ann about the letter to Bob". */
export const mailVerbs = set('email e-mail mail message msg dm text write call phone ping sms');
/** A thing begins: what stood before it, right after the verb, was a person. */
export const thingWords = set('the a an my our his her their your its what how whether why where when which');
export const topicWords = set('about regarding concerning re');
export const possessives = set('my our his her their your the');
/** They belong to the verb: "send over", "pay back". */
export const particles = set('over back out off along up on');

/** What an order with a verb of no meaning of its own pays: "make a transfer to ACME". */
export const lightVerbs = set('make do schedule set create arrange');
export const paymentNouns = set('payment transfer donation refund deposit order tip contribution');
/** They send anything, and pay where it is money that they send. */
export const sendVerbs = set('send forward put move');
export const moneyWords = set('money cash rent share half third rest deposit fee amount sum salary wages');
/** What follows is how much of it, or to whom; another word makes it a thing: "a payment reminder". */
export const afterNoun = set('of to over for into');

export const negations = set(
  `not never don't dont doesn't doesnt won't wont can't cannot shouldn't mustn't no without except excluding instead ignore
   avoid unless nor neither stop refuse nothing nobody none but`,
);

/** Words for what somebody is reached by: "her address is …", "IBAN …". */
export const namingWords = set(
  'address email e-mail mail iban account number phone channel url link site website recipient recipients payee handle username attendees participants',
);
/** What stands between such a word and what it names. */
export const linkingWords = set("is are : = it's that's here's");
/** They may stand for such a word: "it is …". */
export const pronouns = set("it it's that that's this here here's");

/** A number beside one of these is a quantity and never the number of a record. */
export const units = set(
  `% percent eur euro euros usd dollar dollars gbp pound pounds chf yen jpy cent cents bucks k m kg g km cm mm mb gb tb
   day days hour hours minute minutes min mins second seconds week weeks month months year years night nights person people
   guests times items pieces copies rows nights stars star am pm o'clock`,
);

/** Of what there may be one: "one night". */
export const singles = set(
  `person guest night day hour minute week month year room bed seat ticket table copy piece item file row page adult child
   kid passenger traveller traveler`,
);
/** More than one, without an s. */
export const irregularPlurals = set('people persons children men women feet teeth mice');
/** They end in s and count nothing. */
export const notPlurals = set(
  'this does always plus perhaps besides sometimes afterwards towards ours yours hers theirs others ones thus',
);
/** What no counted noun is, and no word between a number and its noun. */
export const functionWords = set(
  `of to and or in on at for from with by the a an is are was were be will would can could may must should that which who what
   if when i you we they he she it not no but than then so as me us them him her my our your their`,
);

export const currencySigns = /^[$€£¥₹]|[$€£¥₹]$/;

/** What people write for a currency, besides its code. */
export const currencies: Readonly<Record<string, readonly string[]>> = {
  EUR: ['€', 'euro', 'euros'],
  USD: ['$', 'dollar', 'dollars', 'bucks'],
  GBP: ['£', 'pound', 'pounds', 'quid'],
  JPY: ['¥', 'yen'],
  INR: ['₹', 'rupee', 'rupees'],
  CHF: ['franc', 'francs'],
};

/** The codes of ISO 4217. */
export const currencyCodes: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/** What stands beside an amount, in lower case. */
export const currencyWords: ReadonlySet<string> = new Set([
  ...[...currencyCodes].map((code) => code.toLowerCase()),
  ...Object.values(currencies).flat(),
]);
