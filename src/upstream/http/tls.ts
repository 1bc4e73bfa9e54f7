import { createHash, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

import { Fault } from '../../chart/fault.ts';

/** Certificates in PEM files. */
export interface TlsSettings {
  /** Trusted besides the authorities of the system. */
  readonly caFile?: string | undefined;
  /** Our own certificate and its key: both or neither. Shown to trusted origins only. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly insecureSkipTLSVerify: boolean;
}

type TlsFiles = Omit<TlsSettings, 'insecureSkipTLSVerify'>;
type FileOption = keyof TlsFiles;

/** The PEM texts of a context; empty for none. */
interface Pem {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * Contexts, one for all who trust and show the same: each knows every authority of Node, of NODE_EXTRA_CA_CERTS and of
 * the system, which takes 15 ms and more than a megabyte. They last as long as somebody holds them.
 */
export class SecureContexts {
  readonly #known = new Map<string, WeakRef<SecureContext>>();

  /** The context for these texts. Throws what Node throws when they are of no use. */
  of({ ca, cert, key }: Pem): SecureContext {
    const digest = createHash('sha256')
      .update(JSON.stringify([ca, cert, key]))
      .digest('hex');
    const known = this.#known.get(digest)?.deref();
    if (known) return known;
    const authorities = new Set([...getCACertificates('default'), ...getCACertificates('system')]);
    const made = createSecureContext({ ca: [...authorities, ...(ca && [ca])], ...(cert && { cert, key }) });
    this.#known.set(digest, new WeakRef(made));
    return made;
  }
}

/** What one upstream trusts and shows. Files are read for each new connection, so that they may change at any time. */
export class Tls {
  readonly #upstream: string;
  readonly #files: TlsFiles;
  readonly #contexts: SecureContexts;
  /** Held so that they last between connections: without and with our own certificate. */
  readonly #held = new Map<boolean, SecureContext>();

  constructor(upstream: string, files: TlsFiles, contexts: SecureContexts) {
    this.#upstream = upstream;
    this.#files = files;
    this.#contexts = contexts;
  }

  /**
   * What the next connection is secured with, `presenting` our own certificate where there is one. Faults with
   * 'tls-untrusted' when a file cannot be read or is not what it should be.
   */
  async context(presenting: boolean): Promise<SecureContext> {
    const [ca, cert, key] = await Promise.all([
      this.#read('caFile'),
      presenting ? this.#read('certFile') : '',
      presenting ? this.#read('keyFile') : '',
    ]);
    this.#check({ ca, cert, key });
    const context = this.#contexts.of({ ca, cert, key });
    this.#held.set(presenting, context);
    return context;
  }

  async #read(option: FileOption): Promise<string> {
    const file = this.#files[option];
    if (file === undefined) return '';
    try {
      const text = await readFile(file, 'utf8');
      if (text.trim() !== '') return text;
    } catch (cause) {
      throw this.#fault(option, `cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`, cause);
    }
    throw this.#fault(option, 'is empty');
  }

  #check({ ca, cert, key }: Pem): void {
    if (ca) this.#certificates('caFile', ca);
    if (!cert && !key) return;
    const [own] = this.#certificates('certFile', cert);
    if (!own?.checkPrivateKey(this.#privateKey(key))) {
      throw this.#fault('keyFile', 'is not the key of the certificate in tls.certFile');
    }
  }

  #certificates(option: FileOption, text: string): readonly X509Certificate[] {
    const blocks = text.match(certificateBlocks) ?? [];
    try {
      if (blocks.length > 0) return blocks.map((block) => new X509Certificate(block));
    } catch (cause) {
      throw this.#fault(option, 'holds a certificate that is damaged', cause);
    }
    throw this.#fault(option, 'holds no certificate in PEM form');
  }

  #privateKey(text: string): KeyObject {
    if (/^(?:-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED)/m.test(text)) {
      const message = `${this.#upstream}: tls.keyFile is encrypted.`;
      throw new Fault('tls-untrusted', message, 'Give a key without passphrase, in a file that nobody else may read.');
    }
    try {
      return createPrivateKey(text);
    } catch (cause) {
      throw this.#fault('keyFile', 'holds no private key in PEM form', cause);
    }
  }

  #fault(option: FileOption, what: string, cause?: unknown): Fault {
    const message = `${this.#upstream}: tls.${option} ${what}.`;
    return new Fault('tls-untrusted', message, `Check the file that tls.${option} names.`, { cause });
  }
}

const certificateBlocks =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[\s\S]*?-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;
