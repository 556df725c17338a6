//! For those who write charters and statements: what is signed are the canonical bytes.

use pouch_crypto::{Context, Domain, SigningKey, sha256};
use pouch_wire::{Blob, Canonical as _, EncodeError, Environment, Member, NetworkId, Set};

use crate::charter::{Charter, CharterSignature};
use crate::statement::{SignedStatement, Statement, StatementSignature};

impl Charter {
    /// The id of the network that it founds.
    ///
    /// # Errors
    /// When it is larger than a charter may be.
    pub fn network_id(&self) -> Result<NetworkId, EncodeError> {
        Ok(NetworkId(sha256(&self.to_bytes()?)))
    }

    /// A founder's signature.
    ///
    /// # Errors
    /// When it is larger than a charter may be.
    pub fn sign(&self, member: Member, root: &SigningKey) -> Result<CharterSignature, EncodeError> {
        let signature = root.sign(Domain::Charter, &Context::CHARTER, &self.to_bytes()?);
        Ok(CharterSignature { member, signature })
    }
}

impl Statement {
    /// Signs with all keys that it needs.
    ///
    /// # Errors
    /// When it is larger than a statement may be.
    pub fn sign(&self, keys: &[&SigningKey]) -> Result<SignedStatement, EncodeError> {
        let too_large = EncodeError { name: Self::NAME, max: Self::MAX_BYTES };
        let bytes = self.to_bytes()?;
        let context = Context::of(self.network, Environment::Live);
        let by = |key: &&SigningKey| StatementSignature {
            key: key.public().id(),
            signature: key.sign(Domain::Statement, &context, &bytes),
        };
        let signatures = Set::new(keys.iter().map(by)).map_err(|_| too_large.clone())?;
        Ok(SignedStatement { statement: Blob::new(bytes.clone()).map_err(|_| too_large)?, signatures })
    }
}

impl SignedStatement {
    /// Adds one more signature, by whoever endorses.
    ///
    /// # Errors
    /// When there would be too many.
    pub fn endorse(self, network: NetworkId, key: &SigningKey) -> Result<Self, EncodeError> {
        let context = Context::of(network, Environment::Live);
        let signature = key.sign(Domain::Statement, &context, &self.statement);
        let more = StatementSignature { key: key.public().id(), signature };
        let signatures = Set::new(self.signatures.iter().cloned().chain([more]))
            .map_err(|_| EncodeError { name: Self::NAME, max: Self::MAX_BYTES })?;
        Ok(Self { signatures, ..self })
    }
}
