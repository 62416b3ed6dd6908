/**
 * The few words that tell which role a value plays in a sentence. English; a sentence in another language has none of
 * them, so that in a session that read untrusted text its values are confirmed.
 */
const set = (words: string): ReadonlySet<string> => new Set(words.split(/\s+/));

/** Orders that something be paid. */
export const payVerbs = set(
  `pay transfer send wire refund reimburse donate tip settle remit repay purchase buy charge credit forward deposit top move
   put book order reserve rent hire subscribe`,
);

/** Orders with an effect on somebody or something else. */
export const effectVerbs = new Set([
  ...payVerbs,
  ...set(
    `email e-mail mail message msg dm notify ping tell ask inform invite add remind contact call text include reply respond
     answer write deliver book reserve order post share publish announce submit upload create schedule set make arrange
     plan put save append update change edit rename move copy assign open-up grant give remove delete cancel reschedule
     subscribe register cc bcc loop let drop leave hand fill log file draft record mark rate comment split broadcast
     congratulate thank warn welcome wish introduce connect meet`,
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
export const asideWords = set('about regarding concerning from like than after before since what whether if');

/** What stands before the name of a folder. */
export const folderWords = set('in into to from under inside folder directory');

/** Orders that are nouns as well: they order something only where a clause begins with them. */
export const nounsToo = set(
  `email e-mail mail message msg dm contact call text reply answer order post record comment file log plan book share report
   charge credit deposit purchase transfer wire donate tip update change copy draft mark rate set book fill loop hand
   notify-list address schedule welcome wish top`,
);

/** What may stand before an order at the start of its clause. */
export const leadIns = set(
  `please and then also next finally afterwards now kindly just so ok okay hi hey hello well can could would will you i we
   want need like to let's lets i'd we'd help me us by must should have go ahead after that once done try make sure`,
);

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

/** What follows is where something came from, or what it is about. */
export const sourceWords = set(
  `from by of about regarding concerning re via per than like mentioning mentioned named called titled labelled labeled
   containing received written sent signed posted between against since until after before during`,
);

/** What follows is where something goes. */
export const destinationWords = set('to cc bcc at into onto toward towards');

/** These mean a destination after some orders only. */
export const withVerbs = set(
  'share meet schedule create book set arrange plan split discuss coordinate make add organise organize collaborate reschedule connect',
);
export const forVerbs = set(
  'pay buy book order reserve create schedule set add purchase make donate register leave arrange put plan organise organize',
);
export const placeWords = set('in on');

export const negations = set(
  `not never don't dont doesn't doesnt won't wont can't cannot shouldn't mustn't no without except excluding instead ignore
   avoid unless nor neither stop refuse`,
);

/** Words that give somebody's address: "her address is …". */
export const namingWords = set(
  'is are : = address email e-mail mail iban account number phone channel url link site website recipient payee',
);

/** A number beside one of these is a quantity and never the number of a record. */
export const units = set(
  `% percent eur euro euros usd dollar dollars gbp pound pounds chf yen jpy cent cents bucks k m kg g km cm mm mb gb tb
   day days hour hours minute minutes min mins second seconds week weeks month months year years night nights person people
   guests times items pieces copies rows nights stars star am pm o'clock`,
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
