/** Builds what the n8n package ships into `outdir`, by default `dist`. */
export declare function buildPackage(outdir?: string): Promise<void>;
