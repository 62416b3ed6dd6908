/**
 * What each node type of n8n can do. It is kept by hand from the types that n8n 2.41 ships, and a test holds it against
 * the n8n that is installed. A type that stands nowhere counts as risky.
 */

/** What a node does, as far as the guard is concerned. */
export type NodeKind =
  | 'gate'
  | 'governed'
  | 'trigger'
  | 'call'
  | 'blind'
  | 'harmless'
  | 'http'
  | 'database'
  | 'mail'
  | 'chat'
  | 'money'
  | 'queue'
  | 'code'
  | 'system'
  | 'files'
  | 'secrets'
  | 'ai'
  | 'service'
  | 'unknown';

/** Kinds that a gate has to stand before, each with what such a node does. */
export const risks: Partial<Record<NodeKind, string>> = {
  http: 'sends requests to addresses outside',
  database: 'reads or changes records',
  mail: 'sends mail',
  chat: 'posts messages to people',
  money: 'moves money or changes what is owed',
  queue: 'sends messages to other systems',
  code: 'runs code',
  system: 'runs commands or changes other machines',
  files: 'reads or writes files',
  secrets: 'hands out passwords, codes or signed tokens',
  ai: 'hands data to a model or a tool server, which may act on it',
  service: 'acts in an outside service',
  blind: 'runs a workflow that cannot be known before it runs',
  unknown: 'is of a type that is not known to be harmless',
};

const base = 'n8n-nodes-base.';
const langchain = '@n8n/n8n-nodes-langchain.';
const gatehouse = 'n8n-nodes-gatehouse.';

const table: [prefix: string, kind: NodeKind, names: string][] = [
  [gatehouse, 'gate', 'policyCheck approvalGate approvalGateHitlTool'],
  // These ask the policy themselves, for each call.
  [gatehouse, 'governed', 'vaultCredential vaultCredentialTool sandboxedAgent sandboxedAgentTool'],
  [gatehouse, 'harmless', 'envelopeNormaliser'],

  [base, 'call', 'executeWorkflow'],
  [langchain, 'call', 'toolWorkflow retrieverWorkflow'],
  // Every other trigger of n8n has a name that ends in Trigger.
  [base, 'trigger', 'cron emailReadImap interval start webhook'],

  // They only reshape, compare or route items, wait, or answer whoever started the workflow.
  [
    base,
    'harmless',
    `aggregate compareDatasets compression convertToFile crypto dateTime debugHelper dynamicCredentialCheck e2eTest
     editImage executionData extractFromFile filter form html htmlExtract iCal if itemLists limit markdown merge
     moveBinaryData noOp readPDF removeDuplicates renameKeys respondToWebhook set simulate sort splitInBatches splitOut
     spreadsheetFile stickyNote stopAndError summarize switch timeSaved wait xml`,
  ],
  // The parts that think: they speak with the model that the builder chose and act on nothing. Their tools are judged.
  [
    langchain,
    'harmless',
    `agent agentTool chainLlm chainRetrievalQa chainSummarization chat documentBinaryInputLoader
     documentDefaultDataLoader documentJsonInputLoader embeddingsAwsBedrock embeddingsAzureOpenAi embeddingsCohere
     embeddingsDatabricks embeddingsGoogleGemini embeddingsGoogleVertex embeddingsHuggingFaceInference
     embeddingsLemonade embeddingsMistralCloud embeddingsNvidia embeddingsOllama embeddingsOpenAi embeddingsOracleDb
     guardrails informationExtractor lmChatAlibabaCloud lmChatAnthropic lmChatAwsBedrock lmChatAzureOpenAi lmChatCohere
     lmChatDatabricks lmChatDeepSeek lmChatGoogleGemini lmChatGoogleVertex lmChatGroq lmChatLemonade lmChatMinimax
     lmChatMistralCloud lmChatMoonshot lmChatNvidia lmChatOllama lmChatOpenAi lmChatOpenRouter lmChatVercelAiGateway
     lmChatXAiGrok lmCohere lmLemonade lmOllama lmOpenAi lmOpenHuggingFaceInference memoryBufferWindow
     memoryChatRetriever memoryManager modelSelector outputParserAutofixing outputParserItemList outputParserStructured
     rerankerCohere retrieverContextualCompression retrieverMultiQuery retrieverVectorStore sentimentAnalysis
     textClassifier textSplitterCharacterTextSplitter textSplitterRecursiveCharacterTextSplitter
     textSplitterTokenSplitter toolCalculator toolExecutor toolThink vectorStoreInMemory vectorStoreInMemoryInsert
     vectorStoreInMemoryLoad`,
  ],

  [base, 'http', 'facebookGraphApi graphql httpRequest postBin rssFeedRead urlScanIo'],
  [
    langchain,
    'http',
    'documentGithubLoader toolHttpRequest toolSearXng toolSerpApi toolWikipedia toolWolframAlpha',
  ],
  [
    base,
    'database',
    `adalo airtable awsDynamoDb azureCosmosDb baserow bubble coda crateDb dataTable databricks elasticsearch evaluation
     filemaker googleBigQuery googleFirebaseCloudFirestore googleFirebaseRealtimeDatabase googleSheets grist koBoToolbox
     metabase microsoftDataverse microsoftExcel microsoftExcelSharePoint microsoftSql mongoDb mySql nocoDb odoo
     oracleDatabase postgres questDb quickbase redis seaTable snowflake stackby strapi supabase timescaleDb`,
  ],
  [
    langchain,
    'database',
    `chatHubVectorStorePGVector chatHubVectorStorePinecone chatHubVectorStoreQdrant memoryMongoDbChat memoryMotorhead
     memoryPostgresChat memoryRedisChat memoryXata memoryZep toolVectorStore vectorStoreAzureAISearch
     vectorStoreChromaDB vectorStoreMilvus vectorStoreMongoDBAtlas vectorStoreOracleDBVector vectorStorePGVector
     vectorStorePinecone vectorStorePineconeInsert vectorStorePineconeLoad vectorStoreQdrant vectorStoreRedis
     vectorStoreSupabase vectorStoreSupabaseInsert vectorStoreSupabaseLoad vectorStoreWeaviate vectorStoreZep
     vectorStoreZepInsert vectorStoreZepLoad`,
  ],
  [
    base,
    'mail',
    `activeCampaign autopilot awsSes convertKit customerIo egoi emailSend emelia getResponse gmail iterable lemlist
     mailchimp mailerLite mailgun mailjet mandrill mautic microsoftOutlook sendGrid sendInBlue sendy vero`,
  ],
  [
    base,
    'chat',
    `ciscoWebex discord discourse disqus drift googleChat gotify intercom line linkedIn matrix mattermost medium
     messageBird microsoftTeams mocean msg91 n8nTrainingCustomerMessenger plivo pushbullet pushcut pushover reddit
     rocketchat signl4 slack sms77 telegram twake twilio twist twitter vonage whatsApp zoom zulip`,
  ],
  [base, 'money', 'chargebee invoiceNinja paddle payPal profitWell quickbooks stripe wise xero'],
  [base, 'queue', 'amqp awsSns awsSqs kafka mqtt rabbitmq segment'],
  [base, 'code', 'aiTransform awsLambda code function functionItem'],
  [langchain, 'code', 'code toolCode'],
  [
    base,
    'system',
    `awsCertificateManager awsCognito awsElb awsIam circleCi citrixAdc cloudflare executeCommand ftp gSuiteAdmin git
     github gitlab homeAssistant jenkins ldap microsoftEntra n8n netlify npm okta philipsHue rundeck ssh travisCi
     venafiTlsProtectCloud venafiTlsProtectDatacenter`,
  ],
  [
    base,
    'files',
    `awsS3 azureStorage box dropbox googleCloudStorage googleDrive microsoftOneDrive microsoftSharePoint nextCloud
     readBinaryFile readBinaryFiles readWriteFile s3 writeBinaryFile`,
  ],
  [base, 'secrets', 'bitwarden jwt totp'],
  [base, 'ai', 'jinaAi messageAnAgent mistralAi openAi perplexity'],
  [
    langchain,
    'ai',
    `alibabaCloud anthropic googleGemini mcpClient mcpClientTool mcpRegistryClientTool minimax moonshot ollama openAi
     openAiAssistant`,
  ],
  [
    base,
    'service',
    `Brandfetch actionNetwork affinity agileCrm airtop apiTemplateIo asana awsComprehend awsRekognition awsTextract
     awsTranscribe bambooHr bannerbear beeminder bitly clearbit clickUp clockify cockpit coinGecko confluence contentful
     copper cortex currents deepL demio dhl dropcontact elasticSecurity erpNext flow freshdesk freshservice
     freshworksCrm ghost goToWebinar gong googleAds googleAnalytics googleBooks googleBusinessProfile googleCalendar
     googleCloudNaturalLanguage googleContacts googleDocs googlePerspective googleSlides googleTasks googleTranslate
     grafana hackerNews haloPSA harvest helpScout highLevel hubspot humanticAi hunter jira keap linear lingvaNex
     loneScale magento2 mailcheck marketstack microsoftDynamicsCrm microsoftGraphSecurity microsoftToDo mindee misp
     mondayCom monicaCrm n8nTrainingCustomerDatastore nasa notion oneSimpleApi onfleet openThesaurus openWeatherMap
     orbit oura pagerDuty peekalink phantombuster pipedrive postHog quickChart raindrop salesforce salesmate
     securityScorecard sentryIo serviceNow shopify splunk spotify storyblok strava syncroMsp taiga tapfiliate theHive
     theHiveProject todoist trello unleashedSoftware uplead uproc uptimeRobot webflow wekan wooCommerce wordpress
     youTube yourls zammad zendesk zohoCrm`,
  ],
];

const kinds = new Map(
  table.flatMap(([prefix, kind, names]) => names.split(/\s+/).map((name) => [prefix + name, kind] as const)),
);

/**
 * @param type a node's `type`, for example `n8n-nodes-base.httpRequest`; compared as it is written
 * @returns what such a node does; `unknown` for one that stands nowhere
 */
export function kindOf(type: string): NodeKind {
  const listed = kinds.get(type);
  if (listed) return listed;
  if (/Trigger$/.test(type)) return 'trigger';
  // n8n makes a tool, and a review step, of each node that may be one. Ours are listed above.
  const made = /^(.+?)(?:Hitl)?Tool$/.exec(type)?.[1] ?? '';
  return (made.startsWith(gatehouse) ? undefined : kinds.get(made)) ?? 'unknown';
}

/** Whether n8n itself ships the type's package; a community package may call anything a trigger. */
export function ofN8n(type: string): boolean {
  return type.startsWith(base) || type.startsWith(langchain);
}
